"""Callbacks with the real scikit-learn, XGBoost, LightGBM, numpy, PIL and matplotlib, and with doubles of three others.

PyTorch, TensorFlow and their kin are too large for a test environment. Their doubles call what the real ones were seen to
call, in that order and with such values: lightning 2.6.6, keras 3.15.1, transformers 5.18.0.
"""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.servers import programs

from git_mlvc import log
from git_mlvc.log import png

REAL = """
import io, json
import lightgbm, matplotlib, numpy as np, xgboost
matplotlib.use("Agg")
from matplotlib import pyplot
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from git_mlvc import log
from git_mlvc.log.lightgbm import Callback as LightGBM
from git_mlvc.log.xgboost import Callback as XGBoost

x, y = load_iris(return_X_y=True)
two = y > 0
with log.run("sklearn"):
    log.sklearn.report(LogisticRegression(max_iter=300).fit(x, y), x, y, group="test")
    log.sklearn.report(LogisticRegression(max_iter=300).fit(x, two), x, two, group="two")
    log.sklearn.report(DummyRegressor().fit(x, x[:, 0]), x, x[:, 0])
    try:
        log.sklearn.report(StandardScaler().fit(x), x, y)
    except TypeError as exc:
        print(exc)

with log.run("xgboost"):
    data = xgboost.DMatrix(x, y)
    options = {"objective": "multi:softprob", "num_class": 3, "eval_metric": ["mlogloss", "merror@0.5"][:1], "max_depth": 2, "nthread": 1}
    xgboost.train(options, data, 3, evals=[(data, "train")], verbose_eval=False, callbacks=[XGBoost()])
    xgboost.XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1, callbacks=[XGBoost()]).fit(x, two, eval_set=[(x, two)], verbose=False)
with log.run("xgboost-on"):
    first = xgboost.train(options, data, 2, evals=[(data, "train")], verbose_eval=False, callbacks=[XGBoost()])
with log.run("xgboost-on", resume=True):
    xgboost.train(options, data, 1, evals=[(data, "train")], verbose_eval=False, callbacks=[XGBoost()], xgb_model=first)
with log.run("xgboost-cv"):
    xgboost.cv(options, data, 2, nfold=2, callbacks=[XGBoost()])

with log.run("lightgbm"):
    data = lightgbm.Dataset(x, two)
    options = {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1, "num_threads": 1}
    lightgbm.train(options, data, 3, valid_sets=[data], valid_names=["train"], callbacks=[LightGBM()])
    lightgbm.LGBMRegressor(n_estimators=2, verbose=-1, n_jobs=1).fit(x, y, eval_set=[(x, y)], callbacks=[LightGBM()])
with log.run("lightgbm-cv"):
    lightgbm.cv(options, lightgbm.Dataset(x, two), 2, nfold=2, callbacks=[LightGBM()])

class Tensor:  # torch's: on a device, with a gradient, channels first
    def detach(self): return self
    def cpu(self): return self
    def __array__(self, dtype=None, copy=None): return np.ones((3, 2, 5), "float32") * 0.5

class Half:  # of torch's bfloat16, which numpy has not
    dtype = "torch.bfloat16"
    def __array__(self, dtype=None, copy=None): raise TypeError("Got unsupported ScalarType BFloat16")
    def float(self): return Tensor()

with log.run("pictures"):
    figure, axes = pyplot.subplots(figsize=(1, 1))
    axes.plot([1, 2])
    log.image("figure", figure)
    log.image("axes", axes)
    log.image("pil", Image.new("RGB", (5, 2), (1, 2, 3)), step=3)
    log.image("print", Image.new("CMYK", (5, 2)))
    log.image("half", Half())
    log.image("tensor", Tensor())
    log.image("grey", np.array([[0.0, 1.0]]))
    log.image("mask", np.array([[True], [False]]))
    log.image("wide", np.zeros((2, 5, 4), "int64"))
    for wrong in (np.zeros((2, 5, 2)), np.zeros(3), np.full((2, 2), 1.5), np.full((2, 2), 256), np.full((2, 2), np.nan), np.array([["a"]]), object(), Image.new("F", (1, 1))):
        try:
            log.image("wrong", wrong)
        except (TypeError, ValueError) as exc:
            print(exc)
    for name, size in (("tensor", (5, 2)), ("grey", (2, 1)), ("mask", (1, 2)), ("wide", (5, 2)), ("pil/3", (5, 2)), ("print", (5, 2)), ("half", (5, 2))):
        with Image.open(f"pictures/plots/images/{name}.png") as image:
            assert image.size == size, name
            print(name, image.mode, image.getpixel((0, 0)))

with log.run("scalars") as run:
    run.metrics({"f4": np.float32(0.5), "i8": np.int64(3), "zero": np.array(2.5), "one": np.array([1])}, step=np.int64(4))
    run.params({"array": np.arange(2), "one": np.float64(0.1), "yes": np.bool_(True)})
    for wrong in (np.bool_(True), np.zeros(3), np.str_("a")):
        try:
            run.metric("wrong", wrong)
        except (TypeError, ValueError) as exc:
            print(exc)
"""


def found(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "metrics.json").read_bytes())
    return document


def test_the_real_libraries_at_work(tmp_path: Path) -> None:
    """In one process: importing them is what takes the time."""
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "tmp").mkdir()
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(log.__file__ or "").parents[2]), "TMPDIR": str(folder / "tmp"),
           "HOME": str(folder), "MPLCONFIGDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}  # fmt: skip
    python = programs.python("digits") / "python"
    done = subprocess.run([python, "-c", REAL], cwd=folder, env=env, capture_output=True, text=True, check=False)  # fmt: skip
    if "No module named" in done.stderr:
        programs.absent("the Python environment 'digits' is of an earlier day: make test-servers")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    scikit_learn_s_models_are_scored(folder, said)
    xgboost_s_rounds_are_steps(folder)
    lightgbm_s_rounds_are_steps(folder)
    arrays_figures_and_images_are_png_files_that_others_read(folder, said)
    numpy_s_scalars_are_numbers(folder, said)


def scikit_learn_s_models_are_scored(folder: Path, said: list[str]) -> None:
    scores = found(folder / "sklearn")
    for group in ("test", "two"):
        assert set(scores[group]) == {
            "accuracy",
            "f1",
            "precision",
            "recall",
            "log_loss",
            "roc_auc",
        }
        assert 0.9 < scores[group]["accuracy"] <= 1
    assert scores["r2"] == 0 and 0 < scores["mae"] < scores["rmse"]
    rows = (folder / "sklearn/plots/test/confusion.csv").read_text().splitlines()
    assert rows[:2] == ["actual,predicted", "0,0"] and len(rows) == 151
    assert (folder / "sklearn/plots/predictions.csv").exists()
    assert "StandardScaler is neither a classifier nor a regressor" in said


def xgboost_s_rounds_are_steps(folder: Path) -> None:
    rows = (folder / "xgboost/plots/train/mlogloss.csv").read_text().splitlines()
    assert rows[0] == "step,mlogloss" and [row.split(",")[0] for row in rows[1:]] == ["0", "1", "2"]
    assert found(folder / "xgboost")["train"]["mlogloss"] == float(rows[-1].split(",")[1])
    assert (folder / "xgboost-on/plots/train/mlogloss.csv").read_text().splitlines() == rows
    assert "logloss" in found(folder / "xgboost")["validation_0"]
    assert set(found(folder / "xgboost-cv")["test"]) == {"mlogloss", "mlogloss-std"}


def lightgbm_s_rounds_are_steps(folder: Path) -> None:
    assert set(found(folder / "lightgbm")["train"]) == {"auc", "binary_logloss"}
    assert len((folder / "lightgbm/plots/train/auc.csv").read_text().splitlines()) == 4
    assert "l2" in found(folder / "lightgbm")["training"]
    (folds,) = found(folder / "lightgbm-cv").values()
    assert {name.rpartition(" ")[2] for name in folds} == {"auc", "auc-std", "binary_logloss", "binary_logloss-std"}  # fmt: skip


def arrays_figures_and_images_are_png_files_that_others_read(folder: Path, said: list[str]) -> None:
    for line in ("tensor RGB (128, 128, 128)", "grey L 0", "mask L 255", "wide RGBA (0, 0, 0, 0)", "pil/3 RGB (1, 2, 3)", "print RGB (255, 255, 255)", "half RGB (128, 128, 128)"):  # fmt: skip
        assert line in said
    images = folder / "pictures/plots/images"
    assert (images / "figure.png").read_bytes() == (images / "axes.png").read_bytes()
    assert not list(images.glob("wrong*"))
    for words in ("shape (2, 5, 2)", "shape (3,)", "from 1.5 to 1.5, not floats from 0 to 1", "from 256 to 256", "from nan", "is a ndarray, not a picture", "is a object, not a picture", "has the mode 'F': convert it"):  # fmt: skip
        assert any(line.startswith("image 'wrong'") and words in line for line in said), words


def numpy_s_scalars_are_numbers(folder: Path, said: list[str]) -> None:
    assert found(folder / "scalars") == {"f4": 0.5, "i8": 3, "zero": 2.5, "one": 1}
    assert (folder / "scalars/plots/i8.csv").read_text() == "step,i8\n4,3\n"
    params = json.loads((folder / "scalars/logged_params.json").read_bytes())
    assert params == {"array": [0, 1], "one": 0.1, "yes": True}
    for words in ("is True: log int", "array of the shape (3,)", "is 'a', not a number"):
        assert any(line.startswith("metric 'wrong'") and words in line for line in said), words


def double(monkeypatch: pytest.MonkeyPatch, **modules: dict[str, Any]) -> None:
    for name, members in modules.items():
        module = ModuleType(name.replace("__", "."))
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The classes are made once for a process: not those with a double's base."""
    yield
    for module, name in (("lightning", "Logger"), ("keras", "Callback"), ("transformers", "Callback")):  # fmt: skip
        vars(import_module(f"git_mlvc.log.{module}")).pop(name, None)


class LightningsLogger(ABC):
    """As in lightning and pytorch_lightning 2.6: `experiment` is abstract, too."""

    @property
    @abstractmethod
    def name(self) -> str | None: ...

    @property
    @abstractmethod
    def version(self) -> int | str | None: ...

    @property
    def save_dir(self) -> str | None:
        return None

    @property
    def root_dir(self) -> str | None:
        return None

    @abstractmethod
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...

    @abstractmethod
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        """What it has, and does nothing in."""
        if name not in ("log_graph", "after_save_checkpoint"):
            raise AttributeError(name)
        return lambda *args: None


def a_fit_of_lightning(logger: Any, first_step: int) -> None:
    """What its Trainer calls in an epoch of four steps, with `log_every_n_steps=2` and a validation."""
    logger.log_hyperparams({"lr": 0.1, "net": None, "loss": object()})
    logger.log_graph("model")
    logger.save()
    for step in (first_step + 1, first_step + 3):
        logger.log_metrics(metrics={"train/loss_step": 1 / step, "epoch": 0}, step=step)
        logger.save()
    logger.log_metrics(metrics={"val:loss": 0.5, "epoch": 0}, step=step)
    logger.save()
    logger.after_save_checkpoint("a weak proxy")
    logger.log_metrics(metrics={"train/loss_epoch": 0.25, "epoch": 0}, step=step)
    logger.save()
    logger.finalize("success")


@pytest.fixture
def rank(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    rank = SimpleNamespace(here=0)

    def rank_zero_only(function: Any) -> Any:
        return lambda *args, **named: function(*args, **named) if rank.here == 0 else None

    for package in ("lightning__pytorch", "pytorch_lightning"):
        loggers = {f"{package}__loggers": {"Logger": LightningsLogger}}
        double(
            monkeypatch, **loggers, **{f"{package}__utilities": {"rank_zero_only": rank_zero_only}}
        )
    return rank


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning(
    here: Path, package: str, rank: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    double(monkeypatch, **{package.replace(".", "__"): {}})
    logger = log.lightning.Logger()
    assert isinstance(logger, LightningsLogger)
    a_fit_of_lightning(logger, 0)
    rank.here = 1
    a_fit_of_lightning(logger, 4)
    rank.here = 0
    logger.log_metrics({"of loaders": {"a": 1.0, "b": 2.0}}, step=3)
    assert (here / "plots/train/loss_step.csv").read_text().splitlines()[1:] == ["1,1.0", f"3,{1 / 3}"]  # fmt: skip
    assert (here / "plots/val_loss.csv").read_text() == "step,val_loss\n3,0.5\n"
    assert json.loads((here / "logged_params.json").read_bytes()) == {"lr": 0.1, "net": None}
    assert logger.save_dir == str(here) and logger.name == logger.version == ""
    # `ddp_spawn` pickles it: the other processes log where this one does, whatever is current there.
    handed = pickle.loads(pickle.dumps(logger))
    with log.run("other"):
        assert (handed.save_dir, logger.save_dir) == (str(here), str(here / "other"))
    logger.save()
    assert found(here) == {
        "epoch": 0, "val_loss": 0.5, "of loaders": {"a": 1.0, "b": 2.0},
        "train": {"loss_epoch": 0.25, "loss_step": 1 / 3},
    }  # fmt: skip


class KerasCallback:
    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._model = model

    @property
    def model(self) -> Any:
        return self._model

    def __getattr__(self, name: str) -> Any:
        """The many that are called and not ours."""
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *args, **named: None


class Array(list[float]):
    ndim = 1


def a_fit_of_keras(callback: Any, *epochs: int) -> None:
    """What Keras 3 calls in epochs of one batch, with a metric that has a value for each class."""
    sgd = {"name": "sgd", "learning_rate": 0.1, "clipnorm": None, "use_ema": False, "momentum": 0.0}
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(get_config=lambda: sgd)))
    callback.set_params({"verbose": 0, "epochs": 1 + epochs[-1], "steps": 1})
    callback.on_train_begin({})
    for epoch in epochs:
        logs = {"loss": 1 / (epoch + 1), "f1": Array([0.5, 0.25]), "note": "text"}
        callback.on_epoch_begin(epoch, {})
        callback.on_train_batch_begin(0, logs={})
        callback.on_train_batch_end(0, logs={"loss": 9.0})
        callback.on_test_begin({})
        callback.on_test_batch_begin(0, logs={})
        callback.on_test_batch_end(0, logs={"loss": 2.0})
        callback.on_test_end({"loss": 2.0})
        callback.on_epoch_end(epoch, {**logs, "val_loss": 2.0})
    callback.on_train_end({**logs, "val_loss": 2.0})


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_keras(here: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = {"callbacks": SimpleNamespace(Callback=KerasCallback)}
    double(
        monkeypatch,
        **{package: keras if package == "keras" else {"keras": SimpleNamespace(**keras)}},
    )
    callback = log.keras.Callback()
    assert isinstance(callback, KerasCallback)
    with log.run():
        a_fit_of_keras(callback, 0, 1)
    with log.run(resume=True):  # initial_epoch=1
        a_fit_of_keras(callback, 1, 2)
    assert found(here) == {"loss": 1 / 3, "val_loss": 2.0, "f1": {"0": 0.5, "1": 0.25}}
    assert (here / "plots/loss.csv").read_text() == f"step,loss\n0,1.0\n1,0.5\n2,{1 / 3}\n"
    params = json.loads((here / "logged_params.json").read_bytes())
    assert params["optimizer"] == {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0}
    assert (params["epochs"], params["steps_per_epoch"]) == (3, 1)


class TrainerCallback:
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...


@pytest.mark.usefixtures("fresh")
def test_hugging_face_s_trainer(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    double(monkeypatch, transformers={"TrainerCallback": TrainerCallback})
    callback = log.transformers.Callback()
    assert isinstance(callback, TrainerCallback)
    args = SimpleNamespace(learning_rate=5e-5, seed=42, output_dir="out", optim=object())
    # As its CallbackHandler hands on, by name, what there is.
    more = {"model": "model", "processing_class": None, "optimizer": None, "train_dataloader": []}

    def a_training(state: Any) -> None:
        state.global_step = 0
        callback.on_train_begin(args, state, "control", **more)
        state.global_step = 10
        for logs in (
            {"loss": 0.5, "grad_norm": 0.8, "epoch": 0.1, "note": "text", "table": {"a": 1}},
            {"eval_loss": 0.4, "eval_runtime": 3.2, "eval_samples_per_second": 9.1, "epoch": 0.1},
            {"train_runtime": 3.4, "train_steps_per_second": 0.6, "total_flos": 340992.0, "epoch": 0.1},
        ):  # fmt: skip
            callback.on_log(args, state, "control", logs=logs, **more)
        callback.on_train_end(args, state, "control", **more)
        metrics = {"test_loss": 0.3, "test_runtime": 0.9}
        callback.on_predict(args, state, "control", metrics=metrics, **more)

    a_training(SimpleNamespace(is_world_process_zero=False))
    assert not list(here.iterdir())
    a_training(SimpleNamespace(is_world_process_zero=True))
    log.flush()
    assert found(here) == {
        "loss": 0.5, "grad_norm": 0.8, "epoch": 0.1, "table": {"a": 1}, "eval_loss": 0.4, "total_flos": 340992.0,
        "test_loss": 0.3,
    }  # fmt: skip
    assert (here / "plots/loss.csv").read_text() == "step,loss\n10,0.5\n"
    assert json.loads((here / "logged_params.json").read_bytes()) == {
        "learning_rate": 5e-5,
        "seed": 42,
    }


def test_a_library_that_is_not_there_is_missed_when_its_callback_is_used() -> None:
    for module, name, package in (
        ("transformers", "Callback", "transformers"),
        ("lightning", "Logger", "lightning"),
        ("keras", "Callback", "keras"),
    ):
        with pytest.raises(ModuleNotFoundError, match=f"Install it: pip install {package}$"):
            getattr(getattr(log, module), name)
    with pytest.raises(AttributeError, match="has no attribute 'Callbacks'"):
        log.transformers.Callbacks  # noqa: B018


def test_a_png_is_made_of_what_the_format_says() -> None:
    data = png.encode(bytes(range(12)), 2, 2, 3)
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    assert struct.unpack(">II", data[16:24]) == (2, 2)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = zlib.decompress(data[start + 4 : start + 4 + length])
    assert rows == b"\0" + bytes(range(6)) + b"\0" + bytes(range(6, 12))

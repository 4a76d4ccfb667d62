"""What a revision, or the worktree, holds: files through pointers, stages, params, metrics and plots as they are there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.pipeline_values import path, result
from support.repo import Machine, Repo

from git_mlvc.errors import ConfigError, MlvcError, UsageError
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.model import Param
from git_mlvc.pipeline.revision import At, MissingData, Revisions
from git_mlvc.workspace import Workspace

STAGES = b"""
[stage.train]
cmd = "train --lr ${lr}"
params = ["seed", "model"]
metrics = ["${out}/metrics.json", {path = "loss.csv", goal = "min"}]
plots = ["curves/", {path = "roc.csv", x = "fpr"}]
"""


@contextmanager
def revisions(repo: Repo) -> Iterator[Revisions]:
    workspace = Workspace.open(repo.path, repo.machine.env())
    with workspace.store, Revisions(workspace.repository, workspace.store) as opened:
        yield opened


def params_of(at: At) -> dict[str, object]:
    return {str(param): value for param, value in at.params().items()}


def test_stages_templates_and_params_are_those_of_the_revision(bare_machine: Machine) -> None:
    repo = bare_machine.init().write(
        {
            "mlvc.toml": STAGES,
            "params.toml": b'lr = 0.1\nseed = 1\nout = "a"\nunused = 5\n[model]\nsize = 3\nlayers = [1, 2]',
            "curves/one.csv": b"x,y\n1,2\n",
            "curves/deep/two.csv": b"x,y\n1,2\n",
        }
    )
    repo.add().commit("one")
    repo.remove("params.toml")
    repo.write({"params.yaml": b"lr: 0.2\nseed: 1\nout: b\nmodel: {size: 4}\n"})
    repo.add().commit("renamed")
    repo.write({"params.yaml": b"lr: 0.3\nseed: 2\nout: c\nmodel: {}\n"})

    with revisions(repo) as opened:
        old, head, here = opened.at("HEAD~1"), opened.at("HEAD"), opened.at(None)
        assert [stage.commands for at in (old, head, here) for stage in at.pipeline().stages] == [
            ("train --lr 0.1",),
            ("train --lr 0.2",),
            ("train --lr 0.3",),
        ]
        assert params_of(old) == {
            "params.toml: seed": 1,
            "params.toml: model.size": 3,
            "params.toml: model.layers": [1, 2],
            "params.toml: lr": 0.1,
            "params.toml: out": "a",
        }
        assert params_of(here)["params.yaml: model"] == {}
        assert [str(out.path) for out in head.metrics()] == ["b/metrics.json", "loss.csv"]
        assert [str(file) for file, _ in old.plot_files()] == [
            *("curves/deep/two.csv", "curves/one.csv"),
            "roc.csv",
        ]
        assert old.commit == repo.text("rev-parse", "HEAD~1")
        assert [file for file, _ in here.plot_files()] == [file for file, _ in old.plot_files()]


def test_a_param_that_is_not_there_says_so_in_its_own_place(bare_machine: Machine) -> None:
    repo = bare_machine.init().write(
        {
            "mlvc.toml": b'[stage.a]\ncmd = "x"\nparams = ["lr", "layers.7", "p.json:", "no.json"]',
            "params.toml": b"lr = 1\nlayers = [1]",
            "p.json": b'{"a.b": 1, "c": null}',
        }
    )
    repo.add().commit("one")
    with revisions(repo) as opened:
        found = opened.at("HEAD").params()
        assert found[Param(path("params.toml"), "lr")] == 1
        assert found[Param(path("p.json"), '"a.b"')] == 1
        assert found[Param(path("p.json"), "c")] is None
        assert isinstance(found[Param(path("params.toml"), "layers.7")], ConfigError)
        assert isinstance(found[Param(path("no.json"), "")], ConfigError)


def test_what_nobody_declares_has_usual_names(bare_machine: Machine) -> None:
    repo = bare_machine.init().write(
        {"params.json": b'{"a": {"b": 1}}', "metrics.toml": b"x = 1", "params.yaml": b"c: 1"}
    )
    with revisions(repo) as opened:
        here = opened.at(".")
        assert here.rev is None
        assert params_of(here) == {"params.json: a.b": 1, "params.yaml: c": 1}
        assert [str(out.path) for out in here.metrics()] == ["metrics.toml"]
        assert here.plots() == []
    repo.write(
        {"mlvc.toml": b'[stage.a]\ncmd = "x"\nmetrics = ["sub/m.json"]\n', "plots/a.csv": b"x\n1\n"}
    )
    repo.write({"sub/logged_params.json": b'{"lr": 0.1}'})
    with revisions(repo) as opened:
        here = opened.at(None)
        assert params_of(here) == {"sub/logged_params.json: lr": 0.1}
        assert [str(file) for file, _ in here.plot_files()] == ["plots/a.csv"]


def test_files_kept_as_data_are_read_through_their_pointers(repo: Repo) -> None:
    repo.track("*.json")
    repo.write({"metrics.json": b'{"loss": 0.5}' * 100}).add().commit("one")
    repo.write({"metrics.json": b'{"loss": 0.4}' * 100}).add().commit("two")
    assert len(repo.blob("HEAD:metrics.json")) < 200
    metrics = path("metrics.json")
    with revisions(repo) as opened:
        assert opened.at("HEAD~1").read(metrics) == b'{"loss": 0.5}' * 100
        assert opened.at(None).read(metrics) == b'{"loss": 0.4}' * 100
        assert [out.path for out in opened.at("HEAD").metrics()] == [metrics]
        assert opened.at("HEAD").read(path("no/such.json")) is None
        assert opened.at("HEAD").read(path("metrics.json/below")) is None
    repo.lose_data()
    repo.write({"metrics.json": repo.blob("HEAD:metrics.json")})
    with revisions(repo) as opened:
        for rev in (None, "HEAD~1"):
            with pytest.raises(MissingData) as missing:
                opened.at(rev).read(metrics)
            assert "is not here" in missing.value.what
            assert "git mlvc" in missing.value.hint


def test_what_is_no_file_is_refused_and_nothing_outside_is_read(bare_machine: Machine) -> None:
    repo = bare_machine.init()
    repo.write({"sub/a.json": b"{}"})
    repo.at("link.json").symlink_to("/etc/passwd")
    repo.at("away").symlink_to("/etc")
    repo.add().commit("one")
    with revisions(repo) as opened:
        for at in (opened.at("HEAD"), opened.at(None)):
            for name in ("link.json", "sub"):
                with pytest.raises(ConfigError):
                    at.read(path(name))
            assert [str(file) for file in at.below(path("sub"))] == ["sub/a.json"]
            assert at.below(path("away")) == at.below(path("link.json")) == []
        assert opened.at("HEAD").read(path("away/passwd")) is None


def test_a_revision_is_named_as_git_names_it_then_as_an_experiment(bare_machine: Machine) -> None:
    repo = bare_machine.init()
    with revisions(repo) as opened, pytest.raises(UsageError, match="nothing has been committed"):
        opened.at("HEAD")
    repo.write({"a": b"1"}).add().commit("one")
    repo.git("tag", "-a", "-m", "a tag", "v1.0")
    repo.git("update-ref", "refs/mlvc/exp/brave-owl", "HEAD")
    repo.git("update-ref", "refs/mlvc/exp/v1.0", "HEAD")
    repo.write({"a": b"2"}).add().commit("two")
    head, first = repo.head(), repo.text("rev-parse", "HEAD~1")
    with revisions(repo) as opened:
        for name, commit in {
            "HEAD": head,
            "@{0}": head,
            ":/one": first,
            "v1.0": first,
            "brave-owl": first,
            "refs/mlvc/exp/brave-owl": first,
            head[:10]: head,
        }.items():
            assert opened.at(name).commit == commit
        for wrong, near in {"brave-oul": "brave-owl", "v1.1": "v1.0", "HAED": "HEAD"}.items():
            with pytest.raises(UsageError) as refused:
                opened.at(wrong)
            assert refused.value.hint == f"did you mean '{near}'?"
        for odd in ("", "a\nb", "-x", "HEAD:a", "HEAD^{tree}", "x blob 3", "\0", "0" * 40):
            with pytest.raises(UsageError):
                opened.at(odd)
        assert opened.at("HEAD").read(path("a")) == b"2"  # each question had its own answer


def test_the_results_are_those_of_the_lock_files_there(bare_machine: Machine) -> None:
    stage = b'[stage.train]\ncmd = "x"\n'
    one, two = result("1"), result("2")
    repo = bare_machine.init().write({"mlvc.toml": stage, "sub/mlvc.toml": stage})
    repo.write({"mlvc.lock": lock_file.encode({"train": one}, None)})
    repo.add().commit("one")
    repo.write({"sub/mlvc.lock": lock_file.encode({"train": two}, path("sub"))})
    with revisions(repo) as opened:
        assert opened.at("HEAD").results() == {"train": one}
        assert opened.at(None).results() == {"train": one, "sub:train": two}


def test_a_stage_file_that_was_broken_then_is_an_error_of_that_revision_only(
    bare_machine: Machine,
) -> None:
    repo = bare_machine.init()
    repo.write({"mlvc.toml": b"<<<<<<< a\nx = 1\n=======\nx = 2\n>>>>>>> b\n"}).add().commit("bad")
    repo.write({"mlvc.toml": b'[stage.a]\ncmd = "x"\nmetrics = ["m.json"]'}).add().commit("good")
    with revisions(repo) as opened:
        with pytest.raises(MlvcError, match="a merge has left both sides"):
            opened.at("HEAD~1").metrics()
        assert [str(out.path) for out in opened.at("HEAD").metrics()] == ["m.json"]


def test_hundreds_of_commits_are_read_by_one_git(
    bare_machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = bare_machine.init().write(
        {"mlvc.toml": STAGES, "params.toml": b'lr = 1\nseed = 1\nout = "a"'}
    )
    repo.add().commit("one")
    stream = [b"from refs/heads/main^0\n"]
    for i in range(300):
        data = b'{"loss": %d}' % i
        stream.append(
            b"commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 0\n%s"
            b"M 100644 inline a/metrics.json\ndata %d\n%s\n"
            % (1_700_000_000 + i, stream.pop() if i == 0 else b"", len(data), data)
        )
    repo.git("fast-import", "--quiet", "--force", input=b"".join(stream))
    shas = repo.text("rev-list", "--reverse", "main").split()[1:]
    workspace = Workspace.open(repo.path, repo.machine.env())
    started: list[object] = []
    store = workspace.store
    real = subprocess.Popen

    def counted(*args: object, **options: object) -> object:
        started.append(args)
        return real(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    with store, Revisions(workspace.repository, store) as opened:
        found = [opened.at(sha).read(opened.at(sha).metrics()[0].path) for sha in shas[:40]]
        found += [opened.at(sha).read(path("a/metrics.json")) for sha in shas[40:]]
    assert found == [b'{"loss": %d}' % i for i in range(300)]
    assert len(started) == 1

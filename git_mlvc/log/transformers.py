"""A callback for Hugging Face's Trainer: `Trainer(…, callbacks=[Callback()])`.

How long something took is left out: equal trainings leave equal files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from git_mlvc.log.libraries import imported, log_all
from git_mlvc.log.runs import Run, current
from git_mlvc.log.scalars import plain_where_possible

_TIMES = ("_runtime", "_per_second")
# Of all that a training has as arguments, what it is tuned by.
_PARAMS = (
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "warmup_steps",
    "warmup_ratio",
    "max_grad_norm",
    "label_smoothing_factor",
    "lr_scheduler_type",
    "optim",
    "seed",
)


class LoggingToFiles:
    """What is ours in `Callback`; the rest is the library's."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            given = {name: getattr(args, name) for name in _PARAMS if hasattr(args, name)}
            (self._run or current()).params(plain_where_possible(given))

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if state.is_world_process_zero:
            self._log(logs or {}, state.global_step)

    def on_predict(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **_: Any
    ) -> None:
        """What `Trainer.predict` finds, which it does not log: test_loss and its like."""
        if state.is_world_process_zero:
            self._log(metrics, state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            (self._run or current()).flush()

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        wanted = {name: one for name, one in values.items() if not name.endswith(_TIMES)}
        log_all(self._run or current(), wanted, step)


def __getattr__(name: str) -> Any:
    if name != "Callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base = imported("transformers").TrainerCallback
    made = type(name, (LoggingToFiles, base), {"__module__": __name__})
    globals()[name] = made
    return made

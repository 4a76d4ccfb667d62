"""Scores of a fitted scikit-learn model: `log.sklearn.report(model, x_test, y_test)`."""

from __future__ import annotations

from typing import Any

from git_mlvc.log.libraries import imported
from git_mlvc.log.runs import Run, current


def report(
    model: Any, x: Any, y: Any, *, group: str = "", run: Run | None = None
) -> dict[str, float]:
    """Log how well the model does on `x` and `y`; return the scores.

    Of a classifier accuracy, f1, precision and recall (means over the classes), log_loss and roc_auc where it knows
    probabilities; of a regressor r2, mae and rmse. What was predicted goes to plots/confusion.csv or
    plots/predictions.csv. All below `group` if one is given: "test" gives test/accuracy. Raises TypeError for others.
    """
    base = imported("sklearn.base", "scikit-learn")
    if base.is_classifier(model):
        scores, plot = _of_classifier(model, x, y), "confusion"
    elif base.is_regressor(model):
        scores, plot = _of_regressor(model, x, y), "predictions"
    else:
        raise TypeError(f"{type(model).__name__} is neither a classifier nor a regressor")
    target = run or current()
    above = f"{group}/" if group else ""
    for name, score in scores.items():
        target.metric(f"{above}{name}", score, plot=False)
    target.table(f"{above}{plot}", {"actual": list(y), "predicted": list(model.predict(x))})
    return scores


def _of_classifier(model: Any, x: Any, y: Any) -> dict[str, float]:
    metrics = imported("sklearn.metrics")
    predicted = model.predict(x)
    scores = {"accuracy": metrics.accuracy_score(y, predicted)}
    for name, score in (
        ("f1", "f1_score"),
        ("precision", "precision_score"),
        ("recall", "recall_score"),
    ):
        scores[name] = getattr(metrics, score)(y, predicted, average="macro", zero_division=0)
    if hasattr(model, "predict_proba"):
        classes = list(model.classes_)
        seen = set(y)
        chances = model.predict_proba(x)
        if seen <= set(classes):
            scores["log_loss"] = metrics.log_loss(y, chances, labels=classes)
        if seen == set(classes):  # without one of them the area is not defined
            of_second = chances[:, 1] if len(classes) == 2 else chances
            scores["roc_auc"] = metrics.roc_auc_score(y, of_second, multi_class="ovr")
    return {name: float(score) for name, score in scores.items()}


def _of_regressor(model: Any, x: Any, y: Any) -> dict[str, float]:
    metrics = imported("sklearn.metrics")
    predicted = model.predict(x)
    return {
        "r2": float(metrics.r2_score(y, predicted)),
        "mae": float(metrics.mean_absolute_error(y, predicted)),
        "rmse": float(metrics.mean_squared_error(y, predicted)) ** 0.5,
    }

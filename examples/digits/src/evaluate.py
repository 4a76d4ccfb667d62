"""Test every model; write accuracy and loss of each, and what the best one took each digit for."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import accuracy_score, log_loss

features, models, metrics_path, confusion_path = map(Path, sys.argv[1:5])
data = np.load(features / "test.npz")
found = {}
predicted = {}
for path in sorted(models.glob("*.joblib")):
    model = joblib.load(path)
    predicted[path.stem] = model.predict(data["x"])
    found[path.stem] = {
        "accuracy": round(accuracy_score(data["y"], predicted[path.stem]), 4),
        "loss": round(log_loss(data["y"], model.predict_proba(data["x"])), 4),
    }

best = max(found, key=lambda name: found[name]["accuracy"])
metrics = {"accuracy": found[best]["accuracy"], "loss": found[best]["loss"], **found}
metrics_path.write_text(json.dumps(metrics, indent=2) + "\n")
confusion_path.parent.mkdir(parents=True, exist_ok=True)
with confusion_path.open("w") as file:
    print("actual,predicted", file=file)
    for actual, guess in zip(data["y"], predicted[best], strict=True):
        print(f"{actual},{guess}", file=file)
print(f"best: {best}, accuracy {metrics['accuracy']:.1%}")

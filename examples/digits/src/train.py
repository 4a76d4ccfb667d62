"""Learn one kind of model, epoch by epoch; write the model, and the loss of each epoch as a table."""

import sys
import tomllib
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

kind, features, model_path, loss_path = sys.argv[1], *map(Path, sys.argv[2:5])
params = tomllib.loads(Path("params.toml").read_text())["train"]
own = params[kind]

if kind == "linear":
    model = SGDClassifier(
        "log_loss",
        alpha=own["penalty"],
        learning_rate="constant",
        eta0=params["lr"],
        random_state=params["seed"],
    )
else:
    model = MLPClassifier(
        tuple(own["hidden"]),
        alpha=own["penalty"],
        learning_rate_init=params["lr"],
        random_state=params["seed"],
    )

data = np.load(features / "train.npz")
loss_path.parent.mkdir(parents=True, exist_ok=True)
with loss_path.open("w") as file:
    print("epoch,loss", file=file)
    for epoch in range(params["epochs"]):
        model.partial_fit(data["x"], data["y"], classes=np.arange(10))
        loss = log_loss(data["y"], model.predict_proba(data["x"]))
        print(f"{epoch},{loss:.6f}", file=file)
model_path.parent.mkdir(parents=True, exist_ok=True)
joblib.dump(model, model_path)
print(f"{kind}: loss {loss:.4f} after {params['epochs']} epochs")

"""Turn pixels into features: scaled, and turned into the directions in which the training images vary most."""

import sys
import tomllib
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

source, target = Path(sys.argv[1]), Path(sys.argv[2])
params = tomllib.loads(Path("params.toml").read_text())["featurize"]


def read(name: str) -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(source / name, delimiter=",", skiprows=1)
    return table[:, 1:], table[:, 0].astype(int)


scalers = {"standard": StandardScaler(), "none": FunctionTransformer()}
steps = make_pipeline(scalers[params["scale"]], PCA(params["components"], svd_solver="full"))
train, train_digits = read("train.csv")
test, test_digits = read("test.csv")
target.mkdir(parents=True, exist_ok=True)
np.savez(target / "train.npz", x=steps.fit_transform(train), y=train_digits)
np.savez(target / "test.npz", x=steps.transform(test), y=test_digits)
kept = steps[-1].explained_variance_ratio_.sum()
print(f"{params['components']} components keep {kept:.1%} of the variance")

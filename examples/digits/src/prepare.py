"""Split the table into train.csv and test.csv, each digit in its share."""

import sys
import tomllib
from pathlib import Path

import numpy as np

source, target = Path(sys.argv[1]), Path(sys.argv[2])
params = tomllib.loads(Path("params.toml").read_text())["prepare"]

header, *rows = source.read_text().splitlines()
digits = np.array([int(row.partition(",")[0]) for row in rows])
chance = np.random.default_rng(params["seed"])
is_test = np.zeros(len(rows), dtype=bool)
for digit in np.unique(digits):
    places = np.flatnonzero(digits == digit)
    is_test[chance.permutation(places)[: round(len(places) * params["test_share"])]] = True

target.mkdir(parents=True, exist_ok=True)
for name, chosen in (("train.csv", ~is_test), ("test.csv", is_test)):
    lines = [header, *(rows[place] for place in np.flatnonzero(chosen))]
    (target / name).write_text("\n".join(lines) + "\n")
    print(f"{name}: {chosen.sum()} images")

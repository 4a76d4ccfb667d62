"""Files as training scripts write them, and a repository whose stages declare them as plots."""

from __future__ import annotations

import struct
import zlib

from support.repo import Repo

from git_mlvc.pipeline.model import Out, OutKind
from git_mlvc.repo_path import RepoPath

STAGES = b"""\
[stage.train]
cmd   = "true"
plots = [
  {path = "plots/loss.csv", x = "epoch", y = "loss", title = "Loss of mlp"},
  {path = "plots/both.csv", x = "step", y = ["train", "test"]},
]

[stage.evaluate]
cmd   = "true"
plots = [
  {path = "plots/confusion.csv", template = "confusion", x = "predicted", y = "actual"},
  {path = "plots/embedding.csv", template = "scatter", x = "a", y = "b"},
  "plots/importance.json",
  "plots/samples.png",
]
"""


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """An image of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def loss(start: float, epochs: int = 20) -> bytes:
    rows = "".join(f"{epoch},{start / (epoch + 1):.4f}\n" for epoch in range(epochs))
    return f"epoch,loss\n{rows}".encode()


def files(start: float = 1.0) -> dict[str, bytes]:
    """Return what the stages make; another `start` makes other values."""
    both = "".join(f"{step},{start / (step + 1)},{start / (step + 1) + 0.1}\n" for step in range(9))
    pairs = "".join(f"{n % 10},{n % 10 if n % 7 else 3}\n" for n in range(100))
    points = "".join(f"{n * start % 5},{n * n % 7}\n" for n in range(30))
    return {
        "plots/loss.csv": loss(start),
        "plots/both.csv": f"step,train,test\n{both}".encode(),
        "plots/confusion.csv": f"actual,predicted\n{pairs}".encode(),
        "plots/embedding.csv": f"a,b\n{points}".encode(),
        "plots/importance.json": f'{{"loops": {start}, "width": 2}}'.encode(),
        "plots/samples.png": png(60, 40, (int(start * 100) % 256, 80, 120)),
    }


def committed(repo: Repo) -> Repo:
    """The stages with what they make, committed, and another result in the worktree."""
    repo.write({"mlvc.toml": STAGES, **files()}).add().commit("Baseline")
    return repo.write(files(1.5))


class View:
    """A revision that holds these files. `plots`: those that are declared; a directory ends in a slash."""

    def __init__(self, name: str, files: dict[str, bytes], *plots: str) -> None:
        self.name = name
        self._plots = plots
        self._files = {RepoPath.parse(path): data for path, data in files.items()}

    def read(self, path: RepoPath) -> bytes | None:
        return self._files.get(path)

    def exists(self, path: RepoPath) -> bool:
        return path in self._files

    def below(self, path: RepoPath) -> list[RepoPath]:
        return [one for one in self._files if one == path or one.raw.startswith(path.raw + b"/")]

    def plot_files(self) -> list[tuple[RepoPath, Out]]:
        outs = [
            Out(RepoPath.parse(name.rstrip("/")), OutKind.PLOT, is_directory=name.endswith("/"))
            for name in self._plots
        ]
        return [
            (path, out)
            for out in outs
            for path in self.below(out.path) or ([] if out.is_directory else [out.path])
        ]

"""Advice on files that are stored whole in each version: said once, on standard error, and never again."""

from __future__ import annotations

import gzip
import io
import zipfile

from support.content import noise, pointer_to
from support.repo import Repo

SIZE = 1_200_000


def _npz(seed: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", noise(SIZE, seed))
    return out.getvalue()


def _hints(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("hint: ")]


def test_each_kind_is_said_once_in_a_worktree_and_never_to_git(repo: Repo) -> None:
    first = gzip.compress(noise(SIZE, 1))
    repo.write({"a.bin": first, "b.bin": gzip.compress(noise(SIZE, 2)), "c.bin": _npz(3)})
    added = repo.git("add", "-A")
    assert added.out == ""
    hints = _hints(added.err)
    assert len(hints) == 2, added
    assert "a.bin is gzip" in hints[0]
    assert "kept uncompressed" in hints[0]
    assert "c.bin holds deflated arrays" in hints[1]
    assert "np.savez" in hints[1]
    assert all("git config mlvc.advice false" in hint for hint in hints)
    assert repo.blob(":a.bin") == pointer_to(first)
    repo.commit("one")
    repo.write({"a.bin": gzip.compress(noise(SIZE, 4)), "d.bin": _npz(5)})
    for command in (["status"], ["add", "-A"], ["commit", "-m", "two"]):
        assert _hints(repo.git(*command).err) == []


def test_no_advice_on_small_files_unedited_ones_or_where_it_is_unwanted(repo: Repo) -> None:
    repo.write({"small.bin": gzip.compress(noise(500_000)), "plain.bin": noise(SIZE)})
    assert _hints(repo.git("add", "-A").err) == []
    repo.git("config", "mlvc.advice", "false")
    repo.write({"a.bin": gzip.compress(noise(SIZE, 1))})
    assert _hints(repo.git("add", "-A").err) == []
    repo.git("config", "mlvc.advice", "true")
    repo.git("add", "--renormalize", ".")  # cleans what the index holds already
    assert _hints(repo.git("status").err) == []
    assert _hints(repo.git("add", "--renormalize", ".").err) == []


def test_git_mlvc_add_gives_the_same_advice(repo: Repo) -> None:
    repo.write({"a.bin": gzip.compress(noise(SIZE, 1)), "b.bin": gzip.compress(noise(SIZE, 2))})
    hints = _hints(repo.mlvc("add", "-A").err)
    assert len(hints) == 1, hints
    assert "is gzip" in hints[0]
    repo.write({"c.bin": gzip.compress(noise(SIZE, 3))})
    assert _hints(repo.git("add", "-A").err) == []

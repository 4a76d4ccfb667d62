"""`git mlvc whereis`: looked at, not assumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from support.content import noise
from support.repo import Machine, Repo


def answer(repo: Repo, *words: str) -> tuple[int, dict[str, Any]]:
    said = repo.mlvc("whereis", "--json", *words, check=False)
    found = json.loads(said.out)
    assert (found["version"], found["kind"]) == (1, "whereis")
    return said.returncode, {file["path"]: file for file in found["files"]}


def one_pack(place: Path) -> Path:
    return next(path for path in (place / "packs").rglob("*") if path.is_file())


def test_each_file_is_looked_for_on_each_remote(repo: Repo, remote: Repo) -> None:
    lab = repo.machine.path("lab")
    repo.mlvc("remote", "add", "lab", str(lab), "--private")
    repo.write({"d/a.bin": noise(300_000, 1), "b.bin": noise(3000, 2)}).add().commit("one")
    code, files = answer(repo)
    assert code == 1 and {f["here"] for f in files.values()} == {True}
    assert files["b.bin"]["not_on"] == ["origin", "lab"]

    repo.git("push", "-q", "origin", "main")
    code, files = answer(repo, "d")
    assert code == 0 and list(files) == ["d/a.bin"]
    assert (files["d/a.bin"]["on"], files["d/a.bin"]["not_on"]) == (["origin"], ["lab"])

    repo.mlvc("push", "lab")
    said = repo.mlvc("whereis", "*.bin")
    assert said.out.splitlines()[0].split() == ["path", "here", "on"]
    assert said.out.splitlines()[1].split(None, 2) == ["b.bin", "yes", "origin, lab"]

    # What a remote has lost since is seen; and one flipped bit by --deep only.
    shutil.rmtree(remote.path / "mlvc" / "packs")
    pack = one_pack(lab)
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[5000] ^= 1
    pack.write_bytes(data)
    code, files = answer(repo, "d/a.bin")
    assert code == 0 and files["d/a.bin"]["on"] == ["lab"]
    code, files = answer(repo, "d/a.bin", "--deep")
    assert code == 1 and files["d/a.bin"]["not_on"] == ["origin", "lab"]

    # What it says about the damage is what mends it.
    said = repo.mlvc("whereis", "--deep", check=False)
    assert f"damaged on 'lab': packs/{pack.parent.name}/{pack.name}" in said.err
    pack.unlink()
    repo.mlvc("push", "lab")
    assert answer(repo, "d/a.bin", "--deep")[0] == 0


def test_law_9_a_place_that_does_not_answer_is_unknown(repo: Repo, remote: Repo) -> None:
    away = repo.machine.path("not-mounted") / "lab"
    theirs = repo.machine.path("theirs")
    repo.write({"mlvc.toml": f'[remote.theirs]\nurl = "{theirs}"\n'.encode()})
    repo.mlvc("remote", "add", "away", str(away), "--private")
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    code, files = answer(repo)
    assert code == 7
    assert files["a.bin"]["unknown"] == ["theirs", "away"]
    said = repo.mlvc("whereis", check=False)
    assert "git mlvc remote trust" not in said.out and "not trusted" in said.err
    assert "there is no directory" in said.err
    repo.git("push", "-q", "origin", "main")
    code, files = answer(repo)
    assert code == 0 and files["a.bin"]["on"] == ["origin"], "one that holds it is enough"
    assert not theirs.exists()


def test_files_of_another_commit_of_a_bare_repository_and_of_none(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    assert answer(repo) == (0, {})
    repo.write({"a.bin": noise(3000, 1)}).add().commit("one")
    repo.write({"a.bin": noise(3000, 2), "b.bin": noise(3000, 3)}).add().commit("two")
    repo.git("push", "-q", "origin", "main")
    (_, old), (_, new) = answer(repo, "--rev", "HEAD~1"), answer(repo)
    assert list(old) == ["a.bin"] and old["a.bin"]["oid"] != new["a.bin"]["oid"]
    assert repo.mlvc("whereis", "--rev", "nothing", check=False).returncode == 2
    assert repo.mlvc("whereis", "c.bin", check=False).returncode == 10
    copy = machine.clone("origin.git", "copy", env={"MLVC_SKIP_SMUDGE": "1"})
    code, files = answer(copy)
    assert code == 0 and {file["here"] for file in files.values()} == {False}
    copy.git("remote", "remove", "origin")
    said = copy.mlvc("whereis", check=False)
    assert said.returncode == 1 and "git mlvc remote add" in said.err


def test_our_own_store_is_no_remote(repo: Repo) -> None:
    repo.git("remote", "add", "self", ".")
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    code, files = answer(repo)
    assert code == 1 and files["a.bin"]["on"] == []

"""Which files become pointers: patterns, --above, and the files that never may."""

from __future__ import annotations

from pathlib import Path

from support import scenes
from support.content import is_pointer, noise, pointer_to
from support.repo import Machine
from support.twin import Twin


def test_gits_own_files_never_become_pointers(machine: Machine) -> None:
    repo = machine.init().track("*")
    names = (
        ".gitattributes",
        ".gitignore",
        ".gitmodules",
        "mlvc.toml",
        "mlvc.lock",
        "d/.gitattributes",
    )
    repo.write({".gitignore": b"*.tmp\n", ".gitmodules": b"# none\n", "mlvc.toml": b"# none\n"})
    repo.write({"mlvc.lock": b"# none\n", "d/.gitattributes": b"# none\n", "x.bin": noise(2000)})
    repo.add().commit("one")
    for name in names:
        assert repo.blob(f"HEAD:{name}") == repo.read(name), name
    assert is_pointer(repo.blob("HEAD:x.bin"))
    repo.remove(*names, "x.bin")
    repo.git("reset", "-q", "--hard")
    assert repo.is_clean()


def test_above_keeps_small_files_in_git(machine: Machine) -> None:
    repo = machine.init()
    repo.mlvc("track", "*", "--above", "10KiB")
    small, exact, large = noise(10_239, 1), noise(10_240, 2), noise(10_241, 3)
    repo.write({"small": small, "exact": exact, "large": large, "code.py": scenes.CODE})
    repo.add().commit("one")
    assert repo.blob("HEAD:small") == small
    assert repo.blob("HEAD:exact") == pointer_to(exact)
    assert repo.blob("HEAD:large") == pointer_to(large)
    assert repo.blob("HEAD:code.py") == scenes.CODE
    assert repo.is_clean()
    repo.remove("small", "exact", "large", "code.py")
    repo.git("reset", "-q", "--hard")
    assert repo.read("large") == large
    assert repo.is_clean()


def above(twin: Twin) -> Twin:
    """Everything above 10 KiB is data, in the twin that has a filter; the rest is text as ever."""
    for repo in twin.pair:
        repo.at(".gitattributes").unlink()
        repo.track("*", above="10KiB")
    return twin


def test_above_lets_source_code_merge_like_text(twin: Twin) -> None:
    above(twin)
    twin.commit("base", {"code.py": scenes.CODE, "data.bin": noise(20_000)})
    twin.quietly("switch", "-q", "-c", "topic")
    twin.commit("topic", {"code.py": scenes.CODE.replace(b"line_2 ", b"second ")})
    twin.quietly("switch", "-q", "main")
    twin.commit("main", {"code.py": scenes.CODE.replace(b"line_17 ", b"late ")})
    twin.git("merge", "-q", "topic", "-m", "both")
    merged = twin.read("code.py")
    assert b"second " in merged
    assert b"late " in merged
    twin.quietly("switch", "-q", "-c", "rival", "topic~1")
    twin.commit("rival", {"code.py": scenes.CODE.replace(b"line_2 ", b"zweite ")})
    twin.fails("merge", "main", "-m", "conflict")
    assert b"<<<<<<< " in twin.read("code.py")
    twin.write({"code.py": scenes.CODE})
    twin.git("commit", "-qam", "solved")
    twin.fails("rebase", "-q", "topic", "rival~1")
    twin.git("rebase", "--abort")


def test_above_keeps_pointers_whole_in_a_conflict(machine: Machine) -> None:
    repo = machine.init()
    repo.mlvc("track", "*", "--above", "10KiB")
    repo.write({"data": noise(20_000, 1)}).add().commit("base")
    repo.git("switch", "-q", "-c", "side")
    repo.write({"data": noise(20_000, 2)}).add().commit("side")
    repo.git("switch", "-q", "main")
    repo.write({"data": noise(20_000, 3)}).add().commit("main")
    repo.fails("merge", "side")
    assert repo.read("data") == noise(20_000, 3)
    repo.git("checkout", "--theirs", "data")
    assert repo.read("data") == noise(20_000, 2)
    repo.git("commit", "-qam", "theirs")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("merge", "-q", "side", "-X", "theirs", "-m", "theirs", check=False)


def test_a_file_that_grows_and_shrinks_across_the_threshold(machine: Machine) -> None:
    repo = machine.init()
    repo.mlvc("track", "*.csv", "--above", "10KiB")
    for size in (5_000, 15_000, 9_000):
        repo.write({"t.csv": noise(size, size)}).add().commit(str(size))
        assert is_pointer(repo.blob("HEAD:t.csv")) == (size >= 10_240)
    for back, size in ((2, 5_000), (1, 15_000), (0, 9_000)):
        repo.git("checkout", "-q", f"main~{back}")
        assert repo.read("t.csv") == noise(size, size)
        assert repo.is_clean()


def test_a_changed_threshold_makes_no_unedited_file_modified(machine: Machine) -> None:
    repo = machine.init()
    repo.mlvc("track", "*", "--above", "10KiB")
    repo.write({"small": noise(5_000, 1), "large": noise(15_000, 2)}).add().commit("one")
    for size in ("1KiB", "100KiB"):
        repo.mlvc("track", "*", "--above", size)
        repo.commit("threshold", "-a")
        repo.at("small").touch()
        repo.at("large").touch()
        assert repo.is_clean()
    assert not is_pointer(repo.blob("HEAD:small"))
    assert is_pointer(repo.blob("HEAD:large"))


def test_patterns_negated_nested_and_in_info(machine: Machine) -> None:
    repo = machine.init().track("*.bin")
    repo.write({"sub/.gitattributes": b"plain.bin !filter !diff !merge !text\n"})
    (repo.git_dir / "info").mkdir(exist_ok=True)
    (repo.git_dir / "info" / "attributes").write_text("*.local filter=mlvc -text\n")
    repo.write({"sub/plain.bin": noise(900, 1), "sub/data.bin": noise(900, 2), "x.local": b"local"})
    repo.add().commit("one")
    assert repo.blob("HEAD:sub/plain.bin") == noise(900, 1)
    assert is_pointer(repo.blob("HEAD:sub/data.bin"))
    assert is_pointer(repo.blob("HEAD:x.local"))
    assert repo.is_clean()


def test_untracking_leaves_history_readable(machine: Machine) -> None:
    repo = machine.init()
    repo.mlvc("track", "*.bin")
    repo.write({"x.bin": noise(5_000)}).add().commit("pointer")
    repo.mlvc("untrack", "*.bin")
    repo.git("add", "-A")
    repo.git("add", "--renormalize", ".")
    repo.commit("in git")
    assert repo.blob("HEAD:x.bin") == noise(5_000)
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("x.bin") == noise(5_000)
    repo.git("checkout", "-q", "main")
    assert repo.read("x.bin") == noise(5_000)
    assert repo.is_clean()


def test_a_rebase_over_commits_that_change_the_attributes(tmp_path: Path) -> None:
    """One git process, one filter, and between two picks another index: raw here, a pointer there."""
    twin = Twin.start(tmp_path)
    scenes.one_commit(twin)
    twin.quietly("tag", "all")
    for line in ("c/*.bin", "*.bin"):
        attributes = f"{line} filter=mlvc diff=mlvc -merge -text\n".encode()
        twin.write({".gitattributes": attributes, "n.txt": line.encode()})
        twin.quietly("add", "--renormalize", ".")
        twin.commit(line)
    twin.quietly("tag", "again")
    for revision in ("all", "again~1", "all", "again~1", "again", "all"):
        twin.git("reset", "-q", "--hard", revision)
    twin.git("switch", "-q", "-C", "main", "again")
    twin.git("rebase", "-q", "--force-rebase", "all")
    twin.git("reset", "-q", "--hard", "all")


def test_a_split_index_says_what_it_holds_too(machine: Machine) -> None:
    repo = machine.init().set("core.splitIndex", "true").set("splitIndex.maxPercentChange", "100")
    repo.write({"raw.bin": noise(4000, 1)}).add().commit("raw")
    repo.git("update-index", "--split-index")
    repo.track("*.bin").add(".gitattributes").commit("attributes")
    repo.at("raw.bin").touch()
    assert repo.is_clean()

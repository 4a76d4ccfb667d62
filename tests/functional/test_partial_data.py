"""Part of the data: what `[fetch]`, a sparse checkout or a limit leaves out is not brought by anything.

Whether something was brought is asked of the local store: what is not fetched cannot be in it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.extent import cases
from support.repo import Machine, Repo

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.workspace import Workspace

A, B, C = noise(40_000, 1), noise(30_000, 2), noise(9_000, 3)
OLD = noise(50_000, 4)
FILES = {"a.bin": A, "data/b.bin": B, "data/raw/c.bin": C}
SPREAD = b"""\
[remote]
default = "one"
one = { url = "../one" }
two = { url = "../two" }
[track."data/**"]
remote = "two"
"""
SKIP = {"MLVC_SKIP_SMUDGE": "1"}


def with_origin(root: Path) -> Repo:
    """Return a repository on a machine of its own, whose origin is a bare one beside it."""
    machine = Machine(root).install()
    machine.bare()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", "../origin.git")
    return repo


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with two commits of three files on its origin, and with a clone `copy` without data."""
    repo = with_origin(tmp_path_factory.mktemp("published"))
    repo.write({**FILES, "a.bin": OLD}).add().commit("one")
    repo.write({"a.bin": A}).add().commit("two")
    repo.git("push", "-q", "origin", "main")
    repo.machine.clone("origin.git", "copy", env=SKIP)
    return repo.machine


@pytest.fixture
def machine(published: Machine, tmp_path: Path) -> Machine:
    return copied(published, tmp_path / "machine")


@pytest.fixture
def repo(machine: Machine) -> Repo:
    return machine.repo("repo")


@pytest.fixture
def stubs(machine: Machine) -> Repo:
    """A clone that has no data."""
    return machine.repo("copy")


def here(repo: Repo) -> list[str]:
    """Return which of the contents are in the local store."""
    store = Workspace.open(repo.path, repo.machine.env()).store
    known = {**FILES, "old": OLD}
    return [name for name, data in known.items() if store.is_complete(_pointer(data))]


def _pointer(data: bytes) -> Pointer:
    return Pointer(Oid.of(data), len(data))


def settings(repo: Repo, text: str) -> Repo:
    """Commit `mlvc.toml` and push it, as somebody else would."""
    repo.write({"mlvc.toml": text.encode()}).add().commit("settings")
    repo.git("push", "-q", "origin", "main")
    return repo


# -- patterns


@pytest.mark.parametrize("inline", cases(["32MiB", "1KiB"], ["1KiB"]))
def test_a_checkout_brings_what_the_tracked_patterns_say(
    machine: Machine, repo: Repo, inline: str
) -> None:
    settings(repo, '[fetch]\ninclude = ["data"]\nexclude = ["data/raw/"]\n')
    machine.config("mlvc.inlineLimit", inline)
    clone = machine.clone("origin.git", "clone")
    assert clone.stubs() == ["a.bin", "data/raw/c.bin"]
    assert here(clone) == ["data/b.bin"]
    assert clone.is_clean()
    clone.git("checkout", "-q", "HEAD~1")
    clone.git("checkout", "-q", "main")
    assert here(clone) == ["data/b.bin"]


def test_pull_and_fetch_follow_patterns_until_a_path_is_named(stubs: Repo) -> None:
    stubs.write({"mlvc.toml": b'[fetch]\ninclude = ["/data/", "!data/raw"]\n'})
    stubs.mlvc("fetch")
    assert here(stubs) == ["data/b.bin"]
    stubs.mlvc("pull")
    assert stubs.stubs() == ["a.bin", "data/raw/c.bin"]
    stubs.mlvc("pull", "data/raw")
    assert here(stubs) == ["data/b.bin", "data/raw/c.bin"]
    stubs.mlvc("fetch", "--all")
    assert here(stubs) == ["data/b.bin", "data/raw/c.bin"]


def test_where_nothing_is_wanted_nobody_is_asked(stubs: Repo, machine: Machine) -> None:
    stubs.write({"mlvc.toml": b'[fetch]\nexclude = ["*"]\n'})
    machine.path("origin.git").rename(machine.path("gone.git"))
    for verb in (["fetch"], ["pull"], ["fetch", "--all"]):
        assert stubs.mlvc(*verb).err == "", verb
    stubs.git("checkout", "-q", "HEAD~1")
    assert stubs.stubs() == sorted(FILES)


def test_private_patterns_win_and_empty_ones_lift_the_limit(stubs: Repo) -> None:
    stubs.write({"mlvc.toml": b'[fetch]\ninclude = ["data/**"]\nexclude = ["*.bin"]\n'})
    stubs.mlvc("fetch")
    assert here(stubs) == []
    stubs.set("mlvc.fetchExclude", "data/raw,*.npy")
    stubs.mlvc("fetch")
    assert here(stubs) == ["data/b.bin"]
    stubs.set("mlvc.fetchInclude", "").set("mlvc.fetchExclude", "")
    stubs.mlvc("fetch")
    assert here(stubs) == list(FILES)


def test_what_is_left_out_is_shown_without_nagging(stubs: Repo) -> None:
    stubs.write({"mlvc.toml": b'[fetch]\nexclude = ["data"]\n'})
    stubs.mlvc("pull")
    said = stubs.mlvc("status", "--exit-code")
    assert said.out.count("stub, left out") == 2
    assert "missing" not in said.out and "hint" not in said.err + said.out
    answer = json.loads(stubs.mlvc("status", "--json").out)
    assert [file["is_left_out"] for file in answer["files"]] == [False, True, True]


def test_skip_smudge_brings_nothing_at_all(stubs: Repo) -> None:
    stubs.git("checkout", "-q", "HEAD~1", env=SKIP)
    stubs.git("checkout", "-q", "main", env=SKIP)
    stubs.mlvc("init", env=SKIP)
    assert here(stubs) == []
    assert stubs.stubs() == sorted(FILES)


# -- a limit


@pytest.mark.parametrize("inline", cases(["32MiB", "1KiB"], ["1KiB"]))
def test_a_checkout_leaves_larger_files_as_stubs_and_says_so_once(
    machine: Machine, repo: Repo, inline: str
) -> None:
    settings(repo, '[fetch]\nmax_size = "20KiB"\n')
    machine.config("mlvc.inlineLimit", inline)
    said = machine.git("clone", "origin.git", "clone").err
    clone = machine.repo("clone")
    line = "2 files above 20 KiB were left as stubs: a.bin, data/b.bin; `git mlvc pull PATH` brings them"
    assert said.count(line) == 1
    assert "warning" not in said
    assert clone.stubs() == ["a.bin", "data/b.bin"]
    assert here(clone) == ["data/raw/c.bin"]
    assert clone.is_clean()
    assert clone.mlvc("status", "--exit-code").out.count("stub, left out") == 2


def test_pull_fetch_and_init_leave_larger_files_until_they_are_named(stubs: Repo) -> None:
    stubs.set("mlvc.fetchMaxSize", "35k")
    for verb in (["fetch"], ["init"], ["pull"]):
        said = stubs.mlvc(*verb)
        assert said.err.count("1 file above 35 KiB was left as a stub: a.bin;") == 1, verb
        assert here(stubs)[:1] != ["a.bin"]
    assert stubs.stubs() == ["a.bin"]
    said = stubs.mlvc("pull", "a.bin")
    assert "above" not in said.err
    assert stubs.read("a.bin") == A
    assert "above" not in stubs.mlvc("pull").err + stubs.mlvc("fetch").err


def test_what_is_here_is_filled_whatever_its_size(stubs: Repo) -> None:
    stubs.mlvc("fetch")
    stubs.set("mlvc.fetchMaxSize", "1k")
    stubs.mlvc("pull")
    assert stubs.stubs() == []


def test_a_private_limit_of_nothing_lifts_the_tracked_one(stubs: Repo) -> None:
    stubs.write({"mlvc.toml": b'[fetch]\nmax_size = "1KiB"\n'})
    stubs.mlvc("fetch")
    assert here(stubs) == []
    stubs.set("mlvc.fetchMaxSize", "")
    stubs.mlvc("fetch")
    assert here(stubs) == list(FILES)


def test_a_limit_counts_for_history_too(stubs: Repo) -> None:
    stubs.set("mlvc.fetchMaxSize", "45k")
    stubs.mlvc("fetch", "--all")
    assert here(stubs) == list(FILES)


# -- sparse checkouts

CONE = ("--cone",)
PATTERNS = ("--no-cone", "/*", "!/a.bin", "!/data/b.bin")


@pytest.mark.parametrize("rules", cases([CONE, PATTERNS], [PATTERNS]))
def test_files_outside_of_a_sparse_checkout_are_never_fetched(
    machine: Machine, rules: tuple[str, ...]
) -> None:
    clone = machine.clone("origin.git", "clone", "--sparse", "--no-checkout")
    clone.git("sparse-checkout", "set", *rules)
    clone.git("checkout", "-q", "main")
    inside = [name for name in FILES if clone.has(name)]
    assert len(inside) == 1
    assert here(clone) == inside
    now = f"{int(time.time())} +0000"
    date = {"GIT_COMMITTER_DATE": now, "GIT_AUTHOR_DATE": now}
    clone.git("commit", "-q", "--allow-empty", "-m", "now", env=date)
    for verb in (["fetch", "--recent", "5"], ["fetch", "--all"], ["pull"]):
        clone.mlvc(*verb)
        assert [name for name in here(clone) if name != "old"] == inside, verb
    clone.git("checkout", "-q", "HEAD~2")
    clone.git("checkout", "-q", "main")
    assert [name for name in here(clone) if name != "old"] == inside
    clone.git("sparse-checkout", "disable")
    assert here(clone)[:3] == list(FILES)


def test_a_sparse_checkout_that_grows_brings_what_comes_in(machine: Machine) -> None:
    clone = machine.clone("origin.git", "clone", "--sparse")
    assert here(clone) == ["a.bin"]
    clone.git("sparse-checkout", "add", "data/raw")
    assert clone.read("data/raw/c.bin") == C
    assert clone.stubs() == []


# -- one of several remotes


@pytest.fixture(scope="module")
def spread_out(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with a clone `copy` without data; `a.bin` is on `one` only, the rest on `two` only."""
    repo = with_origin(tmp_path_factory.mktemp("spread"))
    repo.write({**FILES, "mlvc.toml": SPREAD}).add().commit("one")
    for place in ("../one", "../two"):
        repo.machine.git("config", "--global", "--add", "mlvc.trust", place)
    repo.git("push", "-q", "origin", "main")
    repo.machine.clone("origin.git", "copy", env=SKIP)
    return repo.machine


@pytest.fixture
def spread(spread_out: Machine, tmp_path: Path) -> Repo:
    return copied(spread_out, tmp_path / "machine").repo("copy")


def test_a_fetch_from_one_remote_brings_what_is_there_and_names_the_rest(spread: Repo) -> None:
    said = spread.mlvc("fetch", "one", check=False)
    assert here(spread) == ["a.bin"]
    assert said.returncode == 5 and "data/b.bin" in said.err and "'one'" in said.err
    assert "a.bin" not in said.err.replace("data/b.bin", "")
    spread.mlvc("fetch", "two")
    assert here(spread) == list(FILES)


def test_a_pull_from_one_remote_of_named_paths(spread: Repo) -> None:
    spread.mlvc("pull", "two", "data/raw", "data/b.bin")
    assert spread.stubs() == ["a.bin"]
    said = spread.mlvc("pull", "two", "a.bin", check=False)
    assert said.refused_because("on none of the remotes asked: 'two'")
    spread.mlvc("pull", "a.bin")
    assert spread.stubs() == []


def test_a_fetch_asks_all_remotes_even_if_one_is_silent(spread: Repo) -> None:
    spread.mlvc("fetch")
    spread.lose_data()
    spread.machine.path("one").rename(spread.machine.path("gone"))
    said = spread.mlvc("fetch", check=False)
    assert here(spread) == ["data/b.bin", "data/raw/c.bin"]
    assert said.returncode == 7 and "a.bin" in said.err

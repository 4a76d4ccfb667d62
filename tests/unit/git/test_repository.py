"""Finding the repository: without starting git, what git itself would find."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import GitError, UsageError
from git_mlvc.git import config, repository
from git_mlvc.git.process import Git, clean_env
from git_mlvc.git.repository import Repository


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _agrees_with_git(machine: Machine, cwd: Path, extra: Mapping[str, str] | None = None) -> bool:
    """Compare with `git rev-parse` in the same directory and environment."""
    env = {**machine.env(), **(extra or {})}
    git = Git(cwd, env=env)
    found = Repository.discover(cwd, env)

    def says(*args: str) -> Path | None:
        done = git.run("rev-parse", *args, check=False)
        text = done.stdout.decode().removesuffix("\n")
        return Path(os.path.realpath(cwd / text)) if done.returncode == 0 and text else None

    def real(path: Path | None) -> Path | None:
        return None if path is None else Path(os.path.realpath(path))

    top = git.run("-C", str(cwd), "rev-parse", "--is-bare-repository").stdout.strip()
    assert real(found.git_dir) == says("--absolute-git-dir")
    assert real(found.common_dir) == says("--git-common-dir")
    if top == b"true":
        assert found.worktree is None
    else:
        assert real(found.worktree) == says("--show-toplevel")
    assert real(found.index_path) == says("--git-path", "index")
    assert found.git.run("rev-parse", "--absolute-git-dir").stdout == (
        git.run("rev-parse", "--absolute-git-dir").stdout
    )
    return True


def test_the_top_and_directories_below(machine: Machine) -> None:
    repo = machine.init("with space")
    repo.at("sub/dir").mkdir(parents=True)
    for cwd in (repo.path, repo.at("sub"), repo.at("sub/dir")):
        assert _agrees_with_git(machine, cwd)
        assert Repository.discover(cwd, machine.env()).worktree == repo.path


def test_a_linked_worktree_has_its_own_git_dir_and_shares_the_rest(machine: Machine) -> None:
    repo = machine.init().commit("one")
    repo.git("worktree", "add", "-q", "../linked")
    linked = repo.worktree("linked")
    linked.at("sub").mkdir()
    for cwd in (linked.path, linked.at("sub")):
        assert _agrees_with_git(machine, cwd)
    found = Repository.discover(linked.path, machine.env())
    assert found.git_dir == repo.git_dir / "worktrees" / "linked"
    assert found.common_dir == repo.git_dir
    assert found.state_dir == found.git_dir / "mlvc"


def test_a_submodule(machine: Machine) -> None:
    inner = machine.init("inner").write({"x": b"x"}).add().commit("one")
    outer = machine.init("outer")
    outer.git("submodule", "add", "-q", str(inner.path), "deep/sub")
    assert _agrees_with_git(machine, outer.at("deep/sub"))
    found = Repository.discover(outer.at("deep/sub"), machine.env())
    assert found.git_dir == outer.git_dir / "modules" / "deep" / "sub"
    assert found.worktree == outer.at("deep/sub")


def test_bare_repositories_have_no_worktree(machine: Machine) -> None:
    bare = machine.bare()
    assert _agrees_with_git(machine, bare.path)
    assert _agrees_with_git(machine, bare.path / "objects")
    found = Repository.discover(bare.path, machine.env())
    assert (found.worktree, found.top) == (None, bare.path)


def test_a_worktree_of_a_bare_repository(machine: Machine) -> None:
    repo = machine.init().commit("one")
    machine.git("clone", "-q", "--bare", repo.path, machine.path("bare.git"))
    machine.git("worktree", "add", "-q", machine.path("tree"), cwd=machine.path("bare.git"))
    assert _agrees_with_git(machine, machine.path("tree"))


def test_per_worktree_configuration_counts(machine: Machine) -> None:
    repo = machine.init().commit("one")
    repo.git("worktree", "add", "-q", "../linked")
    repo.set("extensions.worktreeConfig", "true")
    repo.git("config", "--worktree", "core.bare", "false")
    for path in (repo.path, repo.worktree("linked").path):
        assert _agrees_with_git(machine, path)


def test_core_worktree_is_relative_to_the_git_dir(machine: Machine) -> None:
    repo = machine.init()
    machine.path("elsewhere").mkdir()
    repo.set("core.worktree", "../../elsewhere")
    found = Repository.discover(repo.path, machine.env())
    assert found.worktree == machine.path("elsewhere")
    assert _agrees_with_git(machine, machine.path("elsewhere"), {"GIT_DIR": str(repo.git_dir)})


@pytest.mark.parametrize("value", ['"../../a # b"', "../../plain ; comment", r"../../q\"uote"])
def test_values_are_read_as_git_reads_them(machine: Machine, value: str) -> None:
    repo = machine.init()
    with (repo.git_dir / "config").open("a") as file:
        file.write(f"[Core] worktree = {value}\n")
    env = machine.env()
    said = Git(machine.root, env=env).text("config", "-f", repo.git_dir / "config", "core.worktree")
    found = Repository.discover(repo.path, env)
    assert str(found.worktree) == os.path.normpath(repo.git_dir / said)


@pytest.mark.parametrize("git_dir", [".git", "relative", "absolute"])
def test_git_dir_and_work_tree_from_the_environment(machine: Machine, git_dir: str) -> None:
    repo = machine.init().commit("one")
    repo.at("sub").mkdir()
    value = {".git": ".git", "relative": "../repo/.git", "absolute": str(repo.git_dir)}[git_dir]
    assert _agrees_with_git(machine, repo.path, {"GIT_DIR": value})
    other = machine.path("other")
    other.mkdir()
    extra = {"GIT_DIR": str(repo.git_dir), "GIT_WORK_TREE": "."}
    assert _agrees_with_git(machine, other, extra)
    assert Repository.discover(other, {**machine.env(), **extra}).worktree == other
    assert _agrees_with_git(machine, repo.at("sub"), {"GIT_WORK_TREE": ".."})


def test_the_git_dir_may_be_a_git_file(machine: Machine) -> None:
    repo = machine.init().commit("one")
    repo.git("worktree", "add", "-q", "../linked")
    linked = repo.worktree("linked")
    assert _agrees_with_git(machine, linked.path, {"GIT_DIR": str(linked.path / ".git")})


def test_a_temporary_index_is_honoured(machine: Machine) -> None:
    repo = machine.init()
    repo.at("sub").mkdir()
    env = {**machine.env(), "GIT_INDEX_FILE": ".git/index.stash.1"}
    found = Repository.discover(repo.at("sub"), env)
    assert found.index_path == repo.git_dir / "index.stash.1"
    absolute = {**machine.env(), "GIT_INDEX_FILE": "/some/where"}
    assert Repository.discover(repo.path, absolute).index_path == Path("/some/where")


def test_git_runs_at_the_top_whatever_the_environment_meant_relatively(machine: Machine) -> None:
    repo = machine.init().write({"sub/x": b"x"}).add().commit("one")
    env = {**machine.env(), "GIT_DIR": "../.git", "GIT_WORK_TREE": "..", "GIT_PREFIX": "sub/"}
    found = Repository.discover(repo.at("sub"), env)
    assert found.git.text("ls-files") == "sub/x"


def test_outside_of_any_repository_it_says_so(machine: Machine) -> None:
    with pytest.raises(UsageError):
        Repository.discover(machine.home, machine.env())
    with pytest.raises(UsageError):
        Repository.discover(machine.home, {**machine.env(), "GIT_DIR": "nowhere"})


def test_a_ceiling_stops_the_search(machine: Machine) -> None:
    repo = machine.init()
    repo.at("sub/dir").mkdir(parents=True)
    env = {**machine.env(), "GIT_CEILING_DIRECTORIES": str(repo.path)}
    with pytest.raises(UsageError):
        Repository.discover(repo.at("sub/dir"), env)


@pytest.mark.parametrize("name", ["rebase-merge", "rebase-apply", "sequencer"])
def test_a_sequence_under_way_is_seen(machine: Machine, name: str) -> None:
    repo = machine.init()
    found = Repository.discover(repo.path, machine.env())
    assert not found.is_sequencing()
    (repo.git_dir / name).mkdir()
    assert found.is_sequencing()


def test_the_object_format_is_known(machine: Machine) -> None:
    one, two = machine.init("one"), machine.init("two", "--object-format=sha256")
    assert Repository.discover(one.path, machine.env()).hash_size == 20
    assert Repository.discover(two.path, machine.env()).hash_size == 32


def test_the_hooks_directory_is_where_git_will_look(machine: Machine) -> None:
    repo = machine.init()
    found = Repository.discover(repo.path, machine.env())
    assert found.hooks_dir(found.git) == repo.git_dir / "hooks"
    repo.set("core.hooksPath", "my/hooks")
    assert found.hooks_dir(found.git) == repo.at("my/hooks")
    once = found.git.at(repo.path, extra={"GIT_CONFIG_PARAMETERS": "'core.hooksPath=/x'"})
    assert found.hooks_dir(once) == Path("/x")


def test_discovery_starts_no_process_and_loads_no_subprocess(machine: Machine) -> None:
    repo = machine.init()
    code = (
        "import sys; from pathlib import Path; from git_mlvc.git.repository import Repository;"
        "found = Repository.discover(Path.cwd(), {'PATH': ''}); found.hash_size;"
        "sys.exit('subprocess' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repo.path, check=False)
    assert done.returncode == 0


# -- process


def test_git_that_fails_is_an_error_with_its_words(machine: Machine) -> None:
    repo = machine.init()
    git = Git(repo.path, env=machine.env())
    with pytest.raises(GitError, match="no-such-ref") as caught:
        git.run("rev-parse", "--verify", "no-such-ref^{commit}")
    assert caught.value.returncode == 128
    assert git.run("rev-parse", "--verify", "no-such-ref", check=False).returncode == 128
    with pytest.raises(GitError):
        list(git.records("cat-file", "blob", "no-such-ref"))


def test_git_that_is_not_there_is_an_error_with_a_hint(machine: Machine) -> None:
    git = Git(machine.root, env=machine.env(), program="no-such-git")
    with pytest.raises(GitError) as caught:
        git.run("version")
    assert caught.value.hint
    with pytest.raises(GitError), git.streaming("version"):
        pass


def test_large_input_and_output_flow_at_the_same_time(machine: Machine) -> None:
    repo = machine.init().write({"x": b"x" * 1000}).add()
    git = Git(repo.path, env=machine.env())
    sha = repo.text("rev-parse", ":x").encode()
    lines = (sha + b"\n" for _ in range(20_000))
    found = list(git.records("cat-file", "--batch-check", input=lines, separator=b"\n"))
    assert found == [sha + b" blob 1000"] * 20_000


def test_records_may_be_left_early(machine: Machine) -> None:
    repo = machine.init().write({f"{n:05}": b"" for n in range(5000)}).add()
    records = Git(repo.path, env=machine.env()).records("ls-files", "-z")
    assert next(records) == b"00000"
    records.close()  # type: ignore[attr-defined]


def test_an_error_while_feeding_is_not_swallowed(machine: Machine) -> None:
    def broken() -> object:
        yield b"x\n"
        raise ValueError("in the feeder")

    git = Git(machine.init().path, env=machine.env())
    with pytest.raises(ValueError, match="in the feeder"):
        list(git.records("cat-file", "--batch-check", input=broken()))  # type: ignore[arg-type]


def test_the_environment_of_another_repository_is_clean(machine: Machine) -> None:
    listed = Git(machine.root, env=machine.env()).text("rev-parse", "--local-env-vars").split()
    assert clean_env({**dict.fromkeys(listed, "x"), "HOME": "h"}) == {"HOME": "h"}


def test_the_version_is_numbers(machine: Machine) -> None:
    assert repository.version(Git(machine.root, env=machine.env())) >= (2, 27)


# -- config


def _config(repo: Repo) -> dict[str, list[str]]:
    return config.read(Git(repo.path, env=repo.machine.env()))


def test_configuration_is_all_that_git_reads(machine: Machine) -> None:
    repo = machine.init()
    (repo.git_dir / "more").write_text('[Remote "Big Name"]\n\tURL = a\n\turl = b\\nc\n\tflag\n')
    repo.set("include.path", "more")
    found = _config(repo)
    assert found["remote.Big Name.url"] == ["a", "b\nc"]
    assert found["remote.Big Name.flag"] == ["true"]
    assert found["user.name"] == ["Ada"]
    once = {**machine.env(), "GIT_CONFIG_PARAMETERS": "'mlvc.jobs=3'"}
    assert config.read(Git(repo.path, env=once))["mlvc.jobs"] == ["3"]


def test_values_are_set_added_and_unset(machine: Machine) -> None:
    repo = machine.init()
    git = Git(repo.path, env=machine.env())
    config.set_value(git, "mlvc.x", "1")
    config.set_value(git, "mlvc.x", "2")
    config.add_value(git, "mlvc.x", "3")
    assert _config(repo)["mlvc.x"] == ["2", "3"]
    assert config.unset(git, "mlvc.x")
    assert not config.unset(git, "mlvc.x")
    config.set_value(git, "mlvc.remote.a.url", "u", scope=repo.git_dir / "other")
    assert config.read(git, repo.git_dir / "other") == {"mlvc.remote.a.url": ["u"]}
    assert config.remove_section(git, "mlvc.remote.a", scope=repo.git_dir / "other")
    config.set_value(git, "mlvc.y", "1", scope="global")
    assert "y = 1" in machine.config_file.read_text()


_WORDS = ["umask", "group", "all", "world", "everybody", "true", "false", "0", "1", "2"]
_MODES = ["0660", "0640", "0600", "0666", "0664", "0770"]


@pytest.mark.parametrize("value", [*_WORDS, *_MODES])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_shared_permissions_are_those_git_gives(machine: Machine, value: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        repo = machine.init("shared", f"--shared={value}")
        repo.write({"x": b"x"}).add()
        found = config.shared_permissions(_config(repo))
    finally:
        os.umask(before)
    index_mode = (repo.git_dir / "index").stat().st_mode & 0o7777
    dir_mode = next(p for p in (repo.git_dir / "objects").iterdir() if len(p.name) == 2).stat()
    if found.file_mode is None:
        assert (index_mode, dir_mode.st_mode & 0o7777) == (0o666 & ~umask, 0o777 & ~umask)
    else:
        assert (oct(index_mode), oct(dir_mode.st_mode & 0o7777)) == (
            oct(found.file_mode),
            oct(found.dir_mode or 0),
        )

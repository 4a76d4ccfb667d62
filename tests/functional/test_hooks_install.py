"""Hooks in real repositories: found by git, beside other people's, gone without a trace."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.repo import Machine, Repo, Result

from git_mlvc.git.process import Git
from git_mlvc.git.repository import Repository
from git_mlvc.hooks import config_hooks, install, install_state, shim
from git_mlvc.hooks.install_state import Choice

_FOREIGN = {
    "shell": "#!/bin/sh\n# theirs\n{ echo \"their $0 $*\"; cat; } >>'@LOG@'\nexit @CODE@\n",
    "exec": "#!/bin/sh -eu\nexec sh -c '{ echo their; cat; } >>\"$0\"; exit @CODE@' '@LOG@'\n",
    "python": (
        "#!/usr/bin/env python3\nimport sys\n"
        "open('@LOG@', 'a').write('their ' + ' '.join(sys.argv[1:]) + '\\n' + sys.stdin.read())\n"
        "sys.exit(@CODE@)\n"
    ),
}


@dataclass
class Bell:
    """A launcher that only writes down how it was called, and ends as it is told."""

    path: Path

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True)
        self.log = self.path / "log"
        self.program = self.path / "git-mlvc"
        self.ends_with(0)

    def ends_with(self, code: int | str) -> None:
        end = f"kill -{code} $$" if isinstance(code, str) else f"exit {code}"
        self.program.write_text(
            f'#!/bin/sh\n{{ echo "ours $*"; cat; }} >>{shim.quote(str(self.log))}\n{end}\n'
        )
        self.program.chmod(0o755)

    @property
    def launcher(self) -> str:
        return shim.quote(str(self.program))

    def calls(self) -> list[str]:
        """Return what was written down since the last time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a place")


@pytest.fixture
def repo(machine: Machine) -> Repo:
    return machine.init().write({"a.txt": b"a"}).add().commit("one")


@pytest.fixture
def bell(tmp_path: Path) -> Bell:
    return Bell(tmp_path / "some tools")


def opened(repo: Repo, **env: str) -> tuple[Repository, Git]:
    found = Repository.discover(repo.path, {**repo.machine.env(), **env})
    return found, found.git


def installed(repo: Repo, bell: Bell, **options: bool) -> install.Report:
    return install.install_local(*opened(repo), bell.launcher, git_version=(2, 39, 5), **options)


def hooks_of(repo: Repo) -> dict[str, tuple[int, bytes]]:
    """Return everything beside git's samples in and around the hooks directory: mode and bytes."""
    found = {}
    for path in sorted(repo.git_dir.rglob("hooks*/*")):
        if not path.name.endswith(".sample"):
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(repo.git_dir))] = (stat.S_IMODE(path.lstat().st_mode), data)
    return found


def foreign(repo: Repo, name: str, text: str, bell: Bell, code: int = 0, mode: int = 0o755) -> Path:
    path = repo.git_dir / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("@LOG@", str(bell.log)).replace("@CODE@", str(code)))
    path.chmod(mode)
    return path


def by_config(repo: Repo) -> bool:
    """True if the git under test takes hooks from its configuration."""
    words = repo.text("version").split()[2].split(".")
    return tuple(int(word) for word in words[:2]) >= config_hooks.SINCE


def shims_of(repo: Repo) -> Path:
    """Return where the filter puts the shims, with the git under test."""
    return repo.git_dir / ("mlvc/hooks" if by_config(repo) else "hooks")


def make_pending(git_dir: Path, name: str = "pending") -> None:
    (git_dir / "mlvc").mkdir(exist_ok=True)
    (git_dir / "mlvc" / name).write_bytes(b"x")


def push(repo: Repo, *args: str, check: bool = True) -> Result:
    if not repo.machine.path("origin.git").exists():
        repo.machine.bare()
        repo.git("remote", "add", "origin", repo.machine.path("origin.git"))
    return repo.git("push", "-q", "origin", *(args or ("HEAD:refs/heads/main",)), check=check)


# -- law 8: a hook never makes git worse


@pytest.mark.parametrize("event", shim.FILL_EVENTS)
def test_law_8_a_hook_with_nothing_to_do_starts_nothing(repo: Repo, bell: Bell, event: str) -> None:
    installed(repo, bell)
    hook = repo.git_dir / "hooks" / event
    # Nothing is on this PATH: any program but sh's own builtins would be an error.
    done = repo.machine.run(hook, "1", "0", cwd=repo.path, env={"PATH": "/nowhere"}, tick=False)
    assert done.stderr == b""
    assert bell.calls() == []


@pytest.mark.parametrize("end", [1, 3, 127, "KILL"])
def test_law_8_a_post_hook_that_fails_does_not_fail_git(
    repo: Repo, bell: Bell, end: int | str
) -> None:
    installed(repo, bell)
    bell.ends_with(end)
    make_pending(repo.git_dir)
    for command in (
        ["checkout", "-q", "-b", "topic"],
        ["commit", "-q", "--allow-empty", "-m", "x"],
    ):
        assert repo.git(*command).ok
    assert "ours hook post-checkout" in "\n".join(bell.calls())


def test_law_8_a_program_that_is_gone_costs_one_line(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    bell.program.unlink()
    make_pending(repo.git_dir)
    make_pending(repo.git_dir, "damaged")
    said = repo.git("checkout", "-q", "-b", "topic").err
    assert said.count("is not there") == len(said.splitlines()) >= 1
    assert repo.git("commit", "-q", "--allow-empty", "-m", "x").ok


def test_law_8_a_push_without_the_program_is_refused_with_a_way_out(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    bell.program.unlink()
    assert push(repo, check=False).refused_because("git mlvc install --local")
    assert push(repo, "--no-verify", "HEAD:refs/heads/main").ok


def test_a_push_is_refused_when_the_program_says_no(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    bell.ends_with(5)
    assert push(repo, check=False).refused_because("failed to push")


def test_a_push_that_sends_nothing_starts_nothing(repo: Repo, bell: Bell) -> None:
    push(repo)
    installed(repo, bell)
    push(repo)
    assert bell.calls() == []


@pytest.mark.parametrize("folder", ["rebase-merge", "rebase-apply", "sequencer"])
def test_hooks_do_nothing_while_git_replays_commits(repo: Repo, bell: Bell, folder: str) -> None:
    installed(repo, bell)
    make_pending(repo.git_dir)
    (repo.git_dir / folder).mkdir()
    repo.git("update-index", "--force-write-index")
    assert bell.calls() == []


def test_git_commands_of_our_own_hook_ring_no_bell(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    make_pending(repo.git_dir)
    repo.git("update-index", "--force-write-index", env={"MLVC_HOOK": "post-checkout"})
    assert bell.calls() == []
    repo.git("update-index", "--force-write-index")
    assert bell.calls() == ["ours hook post-index-change 0 1"]


def test_pre_commit_asks_only_when_the_filter_saw_a_damaged_stub(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    repo.commit("two")
    assert bell.calls() == []
    make_pending(repo.git_dir, "damaged")
    repo.commit("three")
    assert bell.calls() == ["ours hook pre-commit"]
    bell.ends_with(3)
    repo.commit("four")  # our own trouble is not the commit's
    bell.ends_with(1)
    repo.fails("commit", "-q", "--allow-empty", "-m", "five")


# -- where the git dir is


def test_the_shim_finds_the_git_dir_of_a_linked_worktree(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    repo.git("worktree", "add", "-q", "../linked", "-b", "linked")
    linked = repo.worktree("linked")
    bell.calls()
    make_pending(linked.git_dir)
    linked.git("checkout", "-q", "-b", "other")
    assert "ours hook post-checkout" in bell.calls()[-1]
    repo.git("checkout", "-q", "-b", "here")
    assert bell.calls() == []


def test_the_shim_finds_the_git_dir_of_a_submodule_and_a_separate_one(
    machine: Machine, repo: Repo, bell: Bell
) -> None:
    outer = machine.init("outer").write({"b.txt": b"b"}).add().commit("outer")
    outer.git("submodule", "add", "-q", repo.path, "inner")
    machine.git("init", "-q", "--separate-git-dir", machine.path("far away"), machine.path("near"))
    for other in (Repo(outer.path / "inner", machine), machine.repo("near")):
        installed(other, bell)
        make_pending(other.git_dir)
        other.write({"c.txt": b"c"}).add().commit("more")
        assert any("ours hook post-index-change" in line for line in bell.calls())


def test_the_shim_obeys_git_dir_and_work_tree(machine: Machine, repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    make_pending(repo.git_dir)
    options = (f"--git-dir={repo.git_dir}", f"--work-tree={repo.path}")
    machine.git(*options, "update-index", "--force-write-index")
    assert bell.calls() == ["ours hook post-index-change 0 1"]


# -- other people's hooks live on


@pytest.mark.parametrize("kind", sorted(_FOREIGN))
def test_both_hooks_get_the_refs_of_a_push_and_theirs_keeps_its_exit_code(
    repo: Repo, bell: Bell, kind: str
) -> None:
    foreign(repo, "pre-push", _FOREIGN[kind], bell)
    installed(repo, bell)
    head = repo.head()
    push(repo)
    calls = bell.calls()
    refs = f"HEAD {head} refs/heads/main {'0' * 40}"
    assert calls[0].startswith("ours hook pre-push origin ")
    assert calls[1] == refs
    assert calls[2].startswith("their")
    assert calls[3:] == [refs]
    foreign_path = repo.git_dir / "hooks" / "pre-push"
    if kind == "python":
        foreign_path = repo.git_dir / "hooks-chained" / "pre-push"
    text = foreign_path.read_text()
    foreign_path.write_text(
        text.replace("exit 0", "exit 7")
        .replace("exit(0)", "exit(7)")
        .replace("; exit 0", "; exit 7")
    )
    repo.commit("two")
    bell.calls()
    assert push(repo, check=False).refused_because("failed to push")
    assert any(line.startswith("their") for line in bell.calls())


def test_their_hook_does_not_run_when_ours_refuses_the_push(repo: Repo, bell: Bell) -> None:
    foreign(repo, "pre-push", _FOREIGN["shell"], bell)
    installed(repo, bell)
    bell.ends_with(1)
    push(repo, check=False)
    assert not any(line.startswith("their") for line in bell.calls())


def test_many_refs_reach_both(repo: Repo, bell: Bell) -> None:
    foreign(repo, "pre-push", _FOREIGN["exec"], bell)
    installed(repo, bell)
    head = repo.head()
    for number in range(300):
        (repo.git_dir / "refs" / "heads" / f"a-branch-with-a-long-name-{number}").write_text(head)
    push(repo, "--all")
    assert sum(head in line for line in bell.calls()) == 2 * 301


@pytest.mark.parametrize("kind", sorted(_FOREIGN))
def test_post_hooks_of_others_run_with_their_arguments(repo: Repo, bell: Bell, kind: str) -> None:
    foreign(repo, "post-checkout", _FOREIGN[kind], bell)
    installed(repo, bell)
    make_pending(repo.git_dir)
    repo.git("checkout", "-q", "-b", "topic")
    calls = bell.calls()
    assert f"ours hook post-checkout {repo.head()} {repo.head()} 1" in calls
    assert any(line.startswith("their") for line in calls)


@pytest.mark.parametrize("kind", sorted(_FOREIGN))
def test_theirs_keeps_its_exit_code(repo: Repo, bell: Bell, kind: str) -> None:
    path = foreign(repo, "post-checkout", _FOREIGN[kind], bell, code=4)
    installed(repo, bell)
    assert repo.machine.run(path, "a", "b", "1", cwd=repo.path, check=False).returncode == 4
    repo.fails("checkout", "-q", "-b", "topic")


def test_everything_is_given_back_byte_for_byte(repo: Repo, bell: Bell) -> None:
    foreign(repo, "pre-push", _FOREIGN["shell"], bell)
    foreign(repo, "post-checkout", _FOREIGN["python"], bell, mode=0o750)
    foreign(repo, "post-merge", _FOREIGN["shell"], bell, mode=0o700)
    foreign(repo, "post-commit", _FOREIGN["shell"], bell, mode=0o644)  # switched off
    foreign(repo, "commit-msg", _FOREIGN["shell"], bell)  # not one of ours
    foreign(repo, "post-rewrite", "#!/bin/sh", bell)
    script = repo.at("tool.sh")
    script.write_text("#!/bin/sh\nexit 0\n")
    (repo.git_dir / "hooks" / "pre-commit").symlink_to("../../tool.sh")
    before = hooks_of(repo)
    config_before = repo.text("config", "--local", "--list")
    for _ in range(2):
        installed(repo, bell)
    assert hooks_of(repo) != before
    assert script.read_text() == "#!/bin/sh\nexit 0\n"
    install.uninstall_local(*opened(repo))
    assert hooks_of(repo) == before
    assert not (repo.git_dir / "hooks-chained").exists()
    assert repo.text("config", "--local", "--list") == config_before
    again = install.uninstall_local(*opened(repo))
    assert again.lines == ("filter: was not in this repository's git configuration",)
    assert hooks_of(repo) == before


def test_a_linked_script_runs_from_where_it_was_put(repo: Repo, bell: Bell) -> None:
    script = repo.at("tool.sh")
    script.write_text(_FOREIGN["shell"].replace("@LOG@", str(bell.log)).replace("@CODE@", "0"))
    script.chmod(0o755)
    (repo.git_dir / "hooks" / "pre-push").symlink_to("../../tool.sh")
    installed(repo, bell)
    push(repo)
    assert any("pre-push origin" in line for line in bell.calls() if line.startswith("their"))


def test_a_hook_that_is_switched_off_stays_off(repo: Repo, bell: Bell) -> None:
    foreign(repo, "post-checkout", _FOREIGN["shell"], bell, mode=0o644)
    installed(repo, bell)
    make_pending(repo.git_dir)
    repo.git("checkout", "-q", "-b", "topic")
    assert not any(line.startswith("their") for line in bell.calls())


def test_installing_twice_changes_nothing(repo: Repo, bell: Bell) -> None:
    foreign(repo, "pre-push", _FOREIGN["shell"], bell)
    foreign(repo, "post-merge", _FOREIGN["python"], bell)
    installed(repo, bell)
    before = hooks_of(repo)
    report = installed(repo, bell)
    assert hooks_of(repo) == before
    assert all("as it was" in line or "as they were" in line for line in report.lines)


def test_hooks_that_a_tool_overwrote_come_back_and_the_tool_stays(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    foreign(repo, "pre-push", _FOREIGN["python"], bell)
    foreign(repo, "post-merge", _FOREIGN["shell"], bell)
    installed(repo, bell)
    push(repo)
    calls = bell.calls()
    assert calls[0].startswith("ours")
    assert calls[2].startswith("their")
    foreign(repo, "pre-push", _FOREIGN["python"].replace("their", "their new"), bell)
    installed(repo, bell)
    repo.commit("two")
    push(repo)
    assert [line.split(" origin")[0] for line in bell.calls()[::2]] == [
        "ours hook pre-push",
        "their new",
    ]


def test_a_later_pre_commit_install_keeps_ours_running(repo: Repo, bell: Bell) -> None:
    """`pre-commit install` moves what it finds to `.legacy` and runs it, standard input included."""
    installed(repo, bell)
    hook = repo.git_dir / "hooks" / "pre-push"
    hook.rename(hook.with_name("pre-push.legacy"))
    tool = (
        "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n"
        'HERE="$(cd "$(dirname "$0")" && pwd)"\n'
        'exec "$HERE/pre-push.legacy" "$@"\n'
    )
    foreign(repo, "pre-push", tool, bell)
    before = hooks_of(repo)
    installed(repo, bell)
    assert hooks_of(repo) == before
    push(repo)
    calls = bell.calls()
    assert len(calls) == 2
    assert calls[0].startswith("ours hook pre-push")
    install.uninstall_local(*opened(repo))
    assert {"hooks/pre-push": before["hooks/pre-push"]} == hooks_of(repo)


def test_pre_commit_installed_first_still_recognises_its_hook(repo: Repo, bell: Bell) -> None:
    tool = "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n# ID: 138fd403\ntrue\n"
    path = foreign(repo, "pre-push", tool, bell)
    installed(repo, bell)
    assert "# ID: 138fd403" in path.read_text()
    assert not path.with_name("pre-push.legacy").exists()


# -- hooks directories that are not ours to write to


def test_law_12_a_tracked_hooks_directory_is_not_written_to(repo: Repo, bell: Bell) -> None:
    repo.write({".husky/_/pre-push": b"#!/bin/sh\n"}).set("core.hooksPath", ".husky/_")
    before = repo.snapshot()
    report = installed(repo, bell)
    assert "core.hooksPath" in report.conflicts[0]
    assert repo.snapshot() == before
    assert hooks_of(repo) == {}
    assert not install.verified(*opened(repo))
    found, git = opened(repo)
    assert install.ensure_installed(found, git, bell.launcher, {}) == install.Report()
    assert repo.snapshot() == before
    assert repo.text("config", "filter.mlvc.required") == "true"


def test_a_hooks_directory_shared_by_repositories_is_written_to_only_on_request(
    repo: Repo, bell: Bell
) -> None:
    shared = repo.machine.path("my hooks")
    repo.machine.config("core.hooksPath", str(shared))
    assert installed(repo, bell).conflicts
    assert not shared.exists()
    assert not installed(repo, bell, shared_hooks=True).conflicts
    assert install.verified(*opened(repo))
    make_pending(repo.git_dir)
    repo.git("checkout", "-q", "-b", "topic")
    assert bell.calls()
    install.uninstall_local(*opened(repo))
    assert list(shared.iterdir()) == []


def test_a_relative_hooks_path_is_found_from_a_subdirectory(repo: Repo, bell: Bell) -> None:
    repo.write({"deep/er/x": b"x"}).set("core.hooksPath", "tools/hooks")
    found = Repository.discover(repo.at("deep/er"), repo.machine.env())
    git = Git(repo.at("deep/er"), env=repo.machine.env())
    install.install_local(found, git, bell.launcher, shared_hooks=True, git_version=(2, 39))
    assert repo.at("tools/hooks/post-index-change").exists()
    assert install.verified(found, git)


# -- verified


def test_verified_is_about_the_hooks_git_will_use_now(repo: Repo, bell: Bell) -> None:
    assert not install.verified(*opened(repo))
    installed(repo, bell)
    assert install.verified(*opened(repo))
    elsewhere = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": os.devnull,
    }
    assert not install.verified(*opened(repo, **elsewhere))
    hook = repo.git_dir / "hooks" / "post-index-change"
    hook.chmod(0o644)
    assert not install.verified(*opened(repo))
    hook.chmod(0o755)
    bell.program.unlink()
    assert not install.verified(*opened(repo))


def test_verified_accepts_a_block_in_another_hook(repo: Repo, bell: Bell) -> None:
    foreign(repo, "post-index-change", _FOREIGN["shell"], bell)
    assert not install.verified(*opened(repo))
    installed(repo, bell)
    assert install.verified(*opened(repo))


# -- the filter's own installing


def test_the_filter_installs_the_hooks_of_a_clone_and_then_costs_no_process(
    repo: Repo, bell: Bell
) -> None:
    found, git = opened(repo)
    report = install.ensure_installed(found, git, bell.launcher, {})
    assert report.lines[0].startswith("hooks: ")
    assert install.verified(found, git)
    if not by_config(repo):
        git = Git(repo.path, env={}, program="/nowhere/git")
    assert install.ensure_installed(found, git, bell.launcher, {}) == install.Report()


def test_the_filter_mends_hooks_that_a_tool_took_away(repo: Repo, bell: Bell) -> None:
    found, git = opened(repo)
    install.ensure_installed(found, git, bell.launcher, {})
    (shims_of(repo) / "pre-push").unlink()
    install.ensure_installed(found, git, bell.launcher, {})
    assert (shims_of(repo) / "pre-push").exists()


def test_what_was_uninstalled_does_not_come_back_by_itself(repo: Repo, bell: Bell) -> None:
    installed(repo, bell)
    install.uninstall_local(*opened(repo))
    found, git = opened(repo)
    assert install.ensure_installed(found, git, bell.launcher, {}) == install.Report()
    assert hooks_of(repo) == {}
    installed(repo, bell)
    assert install.verified(found, git)


def test_nothing_is_installed_while_clone_guards_against_it(repo: Repo, bell: Bell) -> None:
    found, git = opened(repo)
    guarded = {"GIT_CLONE_PROTECTION_ACTIVE": "1"}
    assert install.ensure_installed(found, git, bell.launcher, guarded) == install.Report()
    assert hooks_of(repo) == {}


def test_a_git_dir_that_cannot_be_written_to_is_no_reason_to_fail(repo: Repo, bell: Bell) -> None:
    # Root may write anywhere, so a file stands where a directory would have to be made.
    (repo.git_dir / "mlvc").write_bytes(b"")
    found, git = opened(repo)
    install.ensure_installed(found, git, bell.launcher, {})
    (repo.git_dir / "hooks" / "pre-push").unlink(missing_ok=True)
    no_git = Git(repo.path, env={}, program="/nowhere/git")
    assert install.ensure_installed(found, no_git, bell.launcher, {}) == install.Report()


def test_two_installations_of_the_program_do_not_fight_over_the_hooks(
    repo: Repo, bell: Bell, tmp_path: Path
) -> None:
    found, git = opened(repo)
    other = Bell(tmp_path / "other tools")
    install.ensure_installed(found, git, bell.launcher, {})
    install.ensure_installed(found, git, other.launcher, {})
    assert bell.launcher in (shims_of(repo) / "pre-push").read_text()
    bell.program.unlink()
    install.ensure_installed(found, git, other.launcher, {})
    assert other.launcher in (shims_of(repo) / "pre-push").read_text()


# -- configuration


def test_install_global_touches_no_repository_and_works_outside_of_any(
    repo: Repo, bell: Bell
) -> None:
    machine = repo.machine
    local = (repo.git_dir / "config").read_bytes()
    for cwd in (repo.path, machine.root):
        install.install_global(Git(cwd, env=machine.env()), bell.launcher)
    shown = machine.git("config", "--global", "--get-regexp", r"^(filter|merge)\.").out.splitlines()
    assert f"filter.mlvc.process {bell.launcher} filter-process" in shown
    assert f"filter.mlvc.clean {bell.launcher} clean -- %f" in shown
    assert f"filter.mlvc.smudge {bell.launcher} smudge -- %f" in shown
    assert "filter.mlvc.required true" in shown
    assert f"merge.mlvc.driver {bell.launcher} merge-driver %O %A %B %L %P %S %X %Y" in shown
    assert len(shown) == 6
    assert (repo.git_dir / "config").read_bytes() == local
    assert hooks_of(repo) == {}


def test_uninstall_global_leaves_what_is_not_ours(machine: Machine, bell: Bell) -> None:
    before = machine.config_file.read_bytes()
    git = Git(machine.root, env=machine.env())
    install.install_global(git, bell.launcher)
    install.uninstall_global(git)
    assert machine.config_file.read_bytes() == before
    assert "was not" in install.uninstall_global(git).lines[0]
    machine.config("filter.mlvc.mine", "kept")
    install.install_global(git, bell.launcher)
    install.uninstall_global(git)
    assert machine.git("config", "--global", "filter.mlvc.mine").out == "kept\n"


def test_skip_smudge_is_a_variant_that_can_be_switched(machine: Machine, bell: Bell) -> None:
    git = Git(machine.root, env=machine.env())
    install.install_global(git, bell.launcher, skip_smudge=True)
    assert "--skip-smudge" in machine.git("config", "--global", "filter.mlvc.process").out
    install.install_global(git, bell.launcher)
    assert "--skip-smudge" not in machine.git("config", "--global", "filter.mlvc.process").out


def test_git_starts_a_filter_whose_path_has_spaces_and_percent_signs(
    repo: Repo, tmp_path: Path
) -> None:
    bell = Bell(tmp_path / "100 %f it's here")
    install.install_global(Git(repo.path, env=repo.machine.env()), bell.launcher)
    for key in ("clean", "smudge"):
        repo.git("config", f"filter.try.{key}", repo.text("config", f"filter.mlvc.{key}"))
    repo.write({".gitattributes": b"*.bin filter=try\n", "a name.bin": b"x\n"}).add()
    assert bell.calls()[:2] == ["ours clean -- a name.bin", "x"]


# -- git >= 2.54


def test_newer_gits_get_hooks_as_configuration(repo: Repo, bell: Bell) -> None:
    foreign(repo, "pre-push", _FOREIGN["shell"], bell)
    before = hooks_of(repo)
    found, git = opened(repo)
    installed(repo, bell)  # by an older git: files
    install.install_local(found, git, bell.launcher, git_version=(2, 54, 0))
    # One file more: the git that is running, perhaps a clone, has read its configuration before.
    names = {name for name in hooks_of(repo) if not name.startswith("mlvc/")}
    assert names == {*before, "hooks/post-index-change"}
    assert hooks_of(repo)["hooks/pre-push"] == before["hooks/pre-push"]
    commands = dict(
        line.split(" ", 1)
        for line in repo.text("config", "--local", "--get-regexp", r"^hook\.").splitlines()
    )
    assert commands["hook.mlvc-pre-push.event"] == "pre-push"
    assert len(commands) == 2 * len(shim.HOOKS)
    state = install_state.read(found.common_dir)
    assert state is not None
    assert state.choice is Choice.CONFIG
    assert install.verified(found, git, git_version=(2, 53))
    (repo.git_dir / "hooks" / "post-index-change").unlink()
    assert install.verified(found, git, git_version=(2, 54))
    assert not install.verified(found, git, git_version=(2, 53))
    # What git >= 2.54 does with such a command: appends "$@" and hands it to sh.
    make_pending(repo.git_dir)
    for name, event in (("post-merge", "0"), ("pre-commit", "")):
        command = commands[f"hook.mlvc-{name}.command"]
        repo.machine.run("sh", "-c", f'{command} "$@"', command, event, cwd=repo.path)
    assert bell.calls() == ["ours hook post-merge 0"]
    install.uninstall_local(found, git)
    assert "hook." not in repo.text("config", "--local", "--list")
    assert hooks_of(repo) == before


def test_config_hooks_are_not_hidden_by_a_hooks_path(repo: Repo, bell: Bell) -> None:
    repo.set("core.hooksPath", ".husky/_")
    found, git = opened(repo)
    report = install.install_local(found, git, bell.launcher, git_version=(2, 55, 0))
    assert report.conflicts == ()
    assert install.verified(found, git, git_version=(2, 55))
    repo.set("hook.mlvc-post-index-change.enabled", "false")
    assert not install.verified(found, git, git_version=(2, 55))


def test_config_hooks_of_a_moved_repository_do_not_fail_git(repo: Repo, bell: Bell) -> None:
    found, git = opened(repo)
    install.install_local(found, git, bell.launcher, git_version=(2, 54, 0))
    repo.path.rename(repo.path.with_name("moved"))
    moved = repo.worktree("moved")
    command = moved.text("config", "hook.mlvc-post-merge.command")
    moved.machine.run("sh", "-c", f'{command} "$@"', command, "0", cwd=moved.path)
    (moved.git_dir / "hooks" / "post-index-change").unlink()
    assert not install.verified(*opened(moved), git_version=(2, 54))
    found, git = opened(moved)
    install.ensure_installed(found, git, bell.launcher, {})
    assert install.verified(found, git)


def test_an_older_git_on_the_same_machine_gets_files(repo: Repo, bell: Bell) -> None:
    found, git = opened(repo)
    install.install_local(found, git, bell.launcher, git_version=(2, 54, 0))
    install.ensure_installed(found, git, bell.launcher, {})
    assert ("hooks/pre-push" in hooks_of(repo)) is not by_config(repo)
    assert install.verified(found, git)

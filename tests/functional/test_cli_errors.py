"""How commands end when something is wrong: short text, the right exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.content import noise
from support.one_process import answers
from support.repo import Repo, launcher


def test_a_wrong_command_line_is_told_in_our_dress(repo: Repo) -> None:
    wrong = [
        ["stats"],
        ["push", "--no-such-option"],
        ["fetch", "--recent", "many"],
        ["track", "*.bin", "--above", "big"],
        ["fill", "--keep-appended"],
        ["remote", "add", "lab"],
        ["remote", "frobnicate"],
        ["ls", "../outside"],
        ["filter-process", "x"],
        ["hook", "no-such-hook"],
    ]
    for said in [*answers(repo, *wrong), repo.mlvc(*wrong[0], check=False)]:
        assert said.returncode == 2, said
        assert said.err.startswith("error: "), said
        assert "Usage:" not in said.err


def test_a_mistyped_verb_gets_a_suggestion(repo: Repo) -> None:
    assert "git mlvc status" in repo.mlvc("stauts", check=False).err


def test_outside_of_a_repository(repo: Repo) -> None:
    verbs = [[verb] for verb in ("status", "ls", "fetch", "pull", "push", "fsck", "prune", "init")]
    here = repo.machine.root
    for said in [*answers(repo, *verbs, cwd=here), repo.machine.git("mlvc", "status", check=False)]:
        assert said.returncode == 2, said
        assert "is not inside a git repository" in said.err
        assert "hint: " in said.err


def test_a_setting_with_a_mistake_names_file_line_and_column(repo: Repo) -> None:
    repo.write({"mlvc.toml": b"[track]\nmin_size = \n"})
    said = repo.mlvc("status", check=False)
    assert said.returncode == 2
    assert "mlvc.toml, line 2, column 12 (track.min_size) is not valid TOML" in said.err
    repo.write({"mlvc.toml": b"[track]\n[fetch\n"})  # in no table that is named
    assert "mlvc.toml, line 2, column 7 is not valid TOML" in repo.mlvc("status", check=False).err


def test_law_12_settings_that_are_no_file_are_not_read(repo: Repo) -> None:
    settings = repo.path / "mlvc.toml"
    repo.write({"a.bin": b"data"}).add().commit("one")
    settings.symlink_to("/dev/zero")
    said = repo.fails("mlvc", "status", timeout_s=30)
    assert said.returncode == 2 and "symbolic link" in said.err
    settings.unlink()
    os.mkfifo(settings)
    said = repo.fails("mlvc", "status", timeout_s=30)
    assert said.returncode == 2 and "not a regular file" in said.err


def test_a_path_that_is_no_data_file(repo: Repo) -> None:
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    verbs = ("pull", "fill", "drop", "status", "fsck")
    for said in answers(repo, *([verb, "nope"] for verb in verbs)):
        assert said.returncode == 10, said
        assert "nope" in said.err


def test_a_reader_that_goes_away_is_no_error(repo: Repo) -> None:
    repo.write({f"{n}.bin": noise(100, n) for n in range(300)}).add().commit("many")
    script = f"'{launcher()}' ls --oid | head -n 1; '{launcher()}' ls | true"
    said = repo.machine.run("sh", "-c", script, cwd=repo.path)
    assert said.err == ""
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as nobody_reads:
        words = [launcher(), "track"]
        done = subprocess.run(
            words, cwd=repo.path, env=repo.machine.env(), stdout=nobody_reads, check=False
        )
    assert done.returncode == 141, "1 is an answer"


def test_inside_of_dot_git_the_worktree_is_named(repo: Repo) -> None:
    for verb in ("status", "fill", "drop x"):
        said = repo.machine.git("mlvc", *verb.split(), cwd=repo.git_dir, check=False)
        assert said.returncode == 10
        assert f"hint: cd {repo.path}" in said.err


def test_closed_standard_streams(repo: Repo) -> None:
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    said = repo.machine.run("sh", "-c", f"'{launcher()}' ls >&- 2>&- <&-", cwd=repo.path)
    assert said.out == said.err == ""


def test_every_verb_explains_itself_with_an_example(repo: Repo) -> None:
    from git_mlvc.cli.registry import VERBS

    shown = repo.mlvc("-h").out
    assert repo.mlvc("exp").out == repo.mlvc("exp", "-h").out
    assert "did you mean `git mlvc exp rm`?" in repo.fails("mlvc", "exp", "remove", "x").err
    assert "see `git mlvc exp -h`" in repo.fails("mlvc", "exp", "show", "--filter").err
    for name, said in zip(VERBS, answers(repo, *([name, "-h"] for name in VERBS)), strict=True):
        assert f"  {name} " in shown
        assert said.ok and "Example:" in said.out, said


def test_interrupt_is_quiet(repo: Repo) -> None:
    import signal
    import time

    child = subprocess.Popen(
        [launcher(), "filter-process"],
        cwd=repo.path,
        env=repo.machine.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(b"0016git-filter-client\n000eversion=2\n0000")
    child.stdin.flush()
    child.stdout.read(4)  # it has answered, so it is at work
    deadline = time.monotonic() + 30
    child.send_signal(signal.SIGINT)
    code = child.wait(deadline - time.monotonic())
    assert child.stderr is not None
    assert b"Traceback" not in child.stderr.read()
    assert code in (130, -signal.SIGINT)
    child.stdin.close()
    child.stdout.close()
    child.stderr.close()


def test_names_of_any_bytes_can_be_listed(repo: Repo) -> None:
    import json

    repo.write({b"not-utf8-\xff.bin": noise(3000), "ü ö.bin": noise(2000)}).add().commit("one")
    shown = repo.mlvc("ls").out
    assert '"not-utf8-\\377.bin"' in shown
    names = {file["path"] for file in json.loads(repo.mlvc("ls", "--json").out)["files"]}
    assert names == {os.fsdecode(b"not-utf8-\xff.bin"), "ü ö.bin"}


def test_our_own_mistake_leaves_a_report_and_no_traceback(repo: Repo, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import git_mlvc.worktree.listing as room\n"
        "def broken(*_): raise ZeroDivisionError('on purpose')\n"
        "room.list_data = broken\n"
    )
    said = repo.mlvc("ls", check=False, env={"PYTHONPATH": str(broken)})
    assert said.returncode == 3
    assert "mistake in git-mlvc" in said.err
    (report,) = (repo.path / ".git" / "mlvc" / "logs").glob("bug-*.txt")
    assert str(report) in said.err
    assert "on purpose" in report.read_text()

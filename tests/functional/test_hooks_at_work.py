"""What the hooks do, through git: fill, upload, refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise, pointer_to
from support.copied import copied
from support.repo import Machine, Repo, launcher

from git_mlvc.fs.lock import FileLock

LIMIT = "10000"


@pytest.fixture(scope="module")
def of_one(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One commit of two large files; nothing is pushed."""
    machine = Machine(tmp_path_factory.mktemp("one") / "m").install()
    machine.config("mlvc.inlineLimit", LIMIT).bare()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.write({"a.bin": noise(50_000, 1), "b.bin": noise(40_000, 2)}).add().commit("one")
    return machine


@pytest.fixture(scope="module")
def of_two(of_one: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """And a second commit, that changes one of them."""
    machine = copied(of_one, tmp_path_factory.mktemp("two") / "m")
    machine.repo("repo").write({"a.bin": noise(60_000, 3)}).add().commit("two")
    return machine


@pytest.fixture
def machine(of_one: Machine, tmp_path: Path) -> Machine:
    return copied(of_one, tmp_path / "m")


@pytest.fixture
def repo(machine: Machine) -> Repo:
    return machine.repo("repo")


@pytest.fixture
def two(of_two: Machine, tmp_path: Path) -> Repo:
    return copied(of_two, tmp_path / "two").repo("repo")


def state(repo: Repo, name: str) -> bytes:
    path = repo.git_dir / "mlvc" / name
    return path.read_bytes() if path.exists() else b""


def damage(repo: Repo, name: str) -> None:
    """Append to a stub, as somebody without the tool does."""
    repo.write({name: pointer_to(noise(50_000, 1)) + b"one more line\n"})


def shims_of(repo: Repo) -> Path:
    """Return where the filter has put the shims: git >= 2.54 takes them from its configuration."""
    kept = repo.git_dir / "mlvc" / "hooks"
    return kept if kept.exists() else repo.git_dir / "hooks"


# -- fill


def test_large_files_are_filled_by_the_hook_and_nothing_is_left_pending(two: Repo) -> None:
    two.git("checkout", "-q", "HEAD~1")
    assert two.read("a.bin") == noise(50_000, 1)
    assert not list((two.git_dir / "mlvc").glob("pending*[!k]"))
    two.git("reset", "-q", "--hard", "main")
    assert two.read("a.bin") == noise(60_000, 3)
    assert two.is_clean()


def test_the_second_hook_leaves_the_work_to_the_first(two: Repo) -> None:
    with FileLock(two.git_dir / "mlvc" / "fill.lock", timeout_s=1):
        two.git("checkout", "-q", "HEAD~1")
        assert two.stubs() == ["a.bin"]
        assert state(two, "pending") != b""
    two.git("update-index", "--force-write-index")
    assert two.read("a.bin") == noise(50_000, 1)
    assert state(two, "pending") == b""


def test_what_a_killed_fill_had_in_hand_is_filled_by_the_next_hook(two: Repo) -> None:
    with FileLock(two.git_dir / "mlvc" / "fill.lock", timeout_s=1):
        two.git("checkout", "-q", "HEAD~1")
    pending = two.git_dir / "mlvc" / "pending"
    pending.rename(pending.with_name("pending.taken.00000000"))
    two.git("update-index", "--force-write-index")
    assert two.stubs() == []
    assert two.is_clean()


def test_data_that_is_nowhere_leaves_stubs_and_one_message(repo: Repo) -> None:
    """The data goes away between the filter's look and the hook's."""
    repo.write({"a.bin": noise(60_000, 3), "b.bin": noise(60_000, 4)}).add().commit("two")
    with FileLock(repo.git_dir / "mlvc" / "fill.lock", timeout_s=1):
        repo.git("checkout", "-q", "HEAD~1")
    repo.lose_data()
    said = repo.git("update-index", "--force-write-index").err
    assert said.count("stay stubs") == 1
    assert "a.bin, b.bin" in said
    assert "git mlvc pull" in said
    assert b"a.bin" in state(repo, "absent")
    assert state(repo, "pending") == b""
    assert repo.git("update-index", "--force-write-index").err == ""


def test_law_8_a_mistake_of_ours_does_not_fail_git(two: Repo) -> None:
    lock = two.git_dir / "mlvc" / "fill.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # no code of ours expects that
    assert two.git("checkout", "-q", "HEAD~1").ok
    lock.rmdir()
    two.git("update-index", "--force-write-index")
    assert two.stubs() == []


def test_a_temporary_index_is_left_alone(two: Repo) -> None:
    with FileLock(two.git_dir / "mlvc" / "fill.lock", timeout_s=1):
        two.git("checkout", "-q", "HEAD~1")
    other = {"GIT_INDEX_FILE": str(two.git_dir / "other-index")}
    two.git("read-tree", "HEAD", env=other)
    assert two.stubs() == ["a.bin"]
    two.git("read-tree", "HEAD")
    assert two.stubs() == []


def test_the_verb_fill_waits_for_the_hook_and_then_says_who_is_at_it(two: Repo) -> None:
    with FileLock(two.git_dir / "mlvc" / "fill.lock", timeout_s=1, owner_note="filling stubs"):
        two.git("checkout", "-q", "HEAD~1")
        said = two.fails("mlvc", "fill")
        assert said.returncode == 6
        assert "filling stubs" in said.err
        assert two.stubs() == ["a.bin"]
    two.mlvc("fill")
    assert two.stubs() == []
    assert two.is_clean()


# -- pre-push


def test_a_push_says_in_one_line_what_it_did(repo: Repo) -> None:
    said = repo.git("push", "origin", "main").err.splitlines()
    ours = [line for line in said if line.startswith("git-mlvc: ")]
    assert len(ours) == 1
    assert ours[0].startswith("git-mlvc: 2 files, 90 kB; ")


def test_the_push_of_a_deleted_ref_looks_at_nothing(repo: Repo) -> None:
    repo.git("push", "-q", "origin", "main:gone")
    repo.lose_data()
    (repo.git_dir / "mlvc.toml").unlink(missing_ok=True)
    assert repo.git("push", "-q", "origin", ":gone").err == ""


def test_a_push_can_be_told_to_leave_the_data(repo: Repo) -> None:
    said = repo.git("push", "-q", "origin", "main", env={"MLVC_SKIP_PUSH": "1"}).err
    assert "MLVC_SKIP_PUSH" in said
    assert not (repo.machine.path("origin.git") / "mlvc" / "packs").exists()


def test_a_push_without_a_place_for_its_data_is_refused(repo: Repo) -> None:
    line = f"refs/heads/main {repo.head()} refs/heads/main {'0' * 40}\n".encode()
    said = repo.machine.run(
        *(launcher(), "hook", "pre-push", "far", "ssh://example.org/x.git"),
        cwd=repo.path,
        input=line,
        check=False,
    )
    assert said.refused_because("git mlvc remote add NAME URL --default")
    assert "a.bin" in said.err


def test_a_push_of_code_alone_needs_no_place_for_data(machine: Machine) -> None:
    repo = machine.init("code").write({"x.py": b"x\n"}).add().commit("one")
    line = f"refs/heads/main {repo.head()} refs/heads/main {'0' * 40}\n".encode()
    said = machine.run(
        *(launcher(), "hook", "pre-push", "far", "ssh://example.org/x.git"),
        cwd=repo.path,
        input=line,
    )
    assert said.err == ""


def test_data_that_another_remote_has_is_brought_along(machine: Machine, repo: Repo) -> None:
    repo.git("push", "-q", "origin", "main")
    machine.bare("second.git")
    copy = machine.clone("origin.git", "copy", env={"MLVC_SKIP_SMUDGE": "1"})
    assert copy.stubs() == ["a.bin", "b.bin"]
    copy.git("remote", "add", "second", "../second.git")
    copy.git("push", "-q", "second", "main")
    machine.path("origin.git").rename(machine.path("gone.git"))
    reader = machine.clone("second.git", "reader")
    assert reader.read("a.bin") == noise(50_000, 1)


def test_raw_content_where_a_pointer_should_be_is_warned_of_once(repo: Repo) -> None:
    repo.git("push", "-q", "origin", "main")
    plain = (
        "-c",
        "filter.mlvc.process=",
        "-c",
        "filter.mlvc.clean=",
        "-c",
        "filter.mlvc.required=false",
    )
    repo.write({"raw.bin": noise(3000), "deep/er.bin": noise(90_000, 9), "empty.bin": b""})
    repo.git(*plain, "add", "raw.bin", "deep", "empty.bin")
    repo.git(*plain, "commit", "-q", "-m", "without the filter")
    said = repo.git("push", "-q", "origin", "main").err
    assert "2 files are in git itself" in said
    assert "raw.bin" in said
    assert "deep/er.bin" in said
    repo.git("commit", "-q", "--allow-empty", "-m", "more")
    assert repo.git("push", "-q", "origin", "main").err == ""


# -- damaged stubs


def test_a_damaged_stub_is_refused_by_commit_and_named_with_its_cure(repo: Repo) -> None:
    damage(repo, "a.bin")
    repo.add()
    said = repo.fails("commit", "-q", "-m", "damaged")
    assert said.refused_because("a.bin")
    assert "git mlvc fill --keep-appended a.bin" in said.err
    assert "git checkout HEAD -- a.bin" in said.err
    repo.git("checkout", "HEAD", "--", "a.bin")
    repo.write({"x.py": b"x\n"}).add().commit("mended")
    assert state(repo, "damaged") == b""


def test_a_partial_commit_does_not_lift_the_guard(repo: Repo) -> None:
    damage(repo, "a.bin")
    repo.write({"x.py": b"x\n"}).add()
    repo.git("commit", "-q", "-m", "only this", "--", "x.py")
    repo.fails("commit", "-q", "-m", "damaged")


@pytest.mark.parametrize("tail", [b"line\n", noise(90_000, 5)])
def test_a_damaged_stub_is_refused_by_push(repo: Repo, tail: bytes) -> None:
    repo.write({"a.bin": pointer_to(noise(50_000, 1)) + tail}).add()
    repo.commit("past the hook", "--no-verify")
    repo.write({"a.bin": noise(50_000, 1)}).add().commit("and back")
    said = repo.fails("push", "-q", "origin", "main")
    assert said.refused_because("a.bin")
    assert "git mlvc fill --keep-appended a.bin" in said.err
    assert repo.text("ls-remote", "origin") == ""


def test_conflict_markers_around_pointers_are_a_damaged_stub(repo: Repo) -> None:
    repo.write({".gitattributes": b"*.bin filter=mlvc\n"}).add().commit("merges as text")
    repo.git("checkout", "-q", "-b", "theirs")
    repo.write({"a.bin": noise(50_000, 7)}).add().commit("theirs")
    repo.git("checkout", "-q", "main")
    repo.write({"a.bin": noise(50_000, 8)}).add().commit("ours")
    repo.fails("merge", "-q", "theirs")
    repo.add()
    assert repo.fails("commit", "-q", "-m", "merged").refused_because("damaged stub")


def test_text_that_begins_like_a_pointer_is_content_where_no_attribute_says_otherwise(
    repo: Repo,
) -> None:
    repo.write({"format.md": pointer_to(b"x" * 99) + b"is what a pointer looks like\n"}).add()
    repo.commit("docs")
    assert "damaged" not in repo.git("push", "-q", "origin", "main").err


# -- clone, doctor


def test_a_clone_gets_its_hooks_from_the_filter(machine: Machine, repo: Repo) -> None:
    repo.git("push", "-q", "origin", "main")
    clone = machine.clone("origin.git", "clone")
    assert clone.stubs() == []
    assert shims_of(clone).joinpath("pre-push").exists()
    assert clone.is_clean()


def test_doctor_tries_each_hook_and_names_the_one_that_fails(repo: Repo) -> None:
    hook = shims_of(repo) / "post-merge"
    hook.write_text(hook.read_text().replace(" hook post-merge", " no-such-verb post-merge"))
    said = repo.mlvc("doctor", check=False)
    assert said.returncode == 1
    assert "hook post-merge" in said.out
    repo.mlvc("install", "--local")
    assert repo.mlvc("doctor").ok
    repo.set("core.hooksPath", ".husky/_")
    said = repo.mlvc("doctor", check=False)
    assert "core.hooksPath" in said.out
    if "mlvc/hooks" not in str(shims_of(repo)):
        assert "git mlvc install --local --shared-hooks" in said.out

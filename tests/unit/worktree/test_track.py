"""Tracking: the lines that are written, the files they concern, and converting what is committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.content import UNUSUAL_NAMES, noise
from support.repo import Machine, Repo
from support.stubs import Stubbed

from git_mlvc.errors import ConfigError, InputError, UsageError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.fs import structured
from git_mlvc.git import attributes
from git_mlvc.git.repository import Repository
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings, from_sources
from git_mlvc.store.store import Store
from git_mlvc.worktree import track
from git_mlvc.worktree.renormalize import RenormalizeReport, renormalize
from git_mlvc.worktree.track import TrackReport, UntrackReport

LINE = " filter=mlvc diff=mlvc -merge -text\n"
DATA = noise(70_000)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Machine(tmp_path).init()


def _found(repo: Repo) -> Repository:
    return Repository.discover(repo.path, repo.machine.env())


def _settings(repo: Repo) -> Settings:
    file = repo.at("mlvc.toml")
    tracked = structured.read_toml(file) if file.exists() else {}
    return from_sources({}, tracked, {})


def _track(
    repo: Repo, *patterns: str, above: str | None = None, cwd: Path | None = None
) -> TrackReport:
    return track.track(_found(repo), cwd or repo.path, patterns, _settings(repo), above=above)


def _untrack(repo: Repo, *patterns: str, cwd: Path | None = None) -> UntrackReport:
    return track.untrack(_found(repo), cwd or repo.path, patterns)


def _ours(repo: Repo, *names: str | bytes) -> list[bytes]:
    paths = [RepoPath(os.fsencode(name)) for name in names]
    return [path.raw for path in attributes.ours(_found(repo).git, paths)]


def test_a_pattern_is_written_once(repo: Repo) -> None:
    assert _track(repo, "*.bin", "*.pt").added == ["*.bin", "*.pt"]
    assert repo.read(".gitattributes").decode() == f"*.bin{LINE}*.pt{LINE}"
    again = _track(repo, "*.bin")
    assert (again.added, again.already) == ([], ["*.bin"])
    assert repo.read(".gitattributes").decode() == f"*.bin{LINE}*.pt{LINE}"


def test_in_a_directory_below_its_own_file_is_written(repo: Repo) -> None:
    repo.at("sub/dir").mkdir(parents=True)
    _track(repo, "*.bin", "data/x.npy", cwd=repo.at("sub"))
    assert repo.read("sub/.gitattributes").decode() == f"*.bin{LINE}data/x.npy{LINE}"
    assert not repo.has(".gitattributes")
    names = ["a.bin", "sub/a.bin", "sub/dir/a.bin", "sub/data/x.npy", "sub/dir/data/x.npy"]
    assert _ours(repo, *names) == [b"sub/a.bin", b"sub/dir/a.bin", b"sub/data/x.npy"]


def test_a_directory_means_everything_below_it(repo: Repo) -> None:
    repo.write({"data/x/y": b"", "da[t]a/z": b""})
    _track(repo, "data", "./da[t]a/", "later/")
    assert _ours(repo, "data/x/y", "da[t]a/z", "later/q", "other/data/x", "dat") == [
        b"data/x/y",
        b"da[t]a/z",
        b"later/q",
    ]


@pytest.mark.parametrize("name", UNUSUAL_NAMES, ids=repr)
def test_the_name_of_a_file_means_this_file(repo: Repo, name: bytes) -> None:
    repo.write({name: b"x"})
    _track(repo, os.fsdecode(name) if not name.startswith(b"!") else "\\" + os.fsdecode(name))
    assert _ours(repo, name, "other.bin") == [name]


def test_an_absolute_path_inside_is_taken_and_outside_is_refused(repo: Repo) -> None:
    repo.write({"x.bin": b"x"})
    _track(repo, str(repo.at("x.bin")))
    assert repo.read(".gitattributes").decode() == f"x.bin{LINE}"
    for typed in ("../x.bin", "a/../../x"):
        with pytest.raises(UsageError):
            _track(repo, typed)


def test_sizes_go_to_the_tracked_settings_by_the_pattern_seen_from_the_top(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'# mine\n[remote.x]\nurl = "/x" # here\n', "s[b/x": b""})
    report = _track(repo, "*", above="1MiB")
    assert report.added == ["*"]
    assert repo.read(".gitattributes") == b"* filter=mlvc merge=mlvc\n"
    _track(repo, "*.bin", "d/*.npy", above="10kB", cwd=repo.at("s[b"))
    assert repo.read("mlvc.toml").startswith(b'# mine\n[remote.x]\nurl = "/x" # here\n')
    found = {t.pattern: t.min_size_bytes for t in _settings(repo).thresholds}
    assert found == {"*": 1 << 20, "s\\[b/**/*.bin": 10_000, "s\\[b/d/*.npy": 10_000}
    for name, size in [("x", 1 << 20), ("s[b/q/x.bin", 10_000), ("s[b/d/x.npy", 10_000)]:
        assert attributes.min_size_bytes(_settings(repo), RepoPath(name.encode())) == size
    assert _track(repo, "*", above="1MiB").already == ["*"]
    assert _track(repo, "*", above="2MiB").added == ["*"]
    assert _track(repo, "*").added == ["*"]
    assert "*" not in {t.pattern for t in _settings(repo).thresholds}


def test_what_git_and_we_are_told_by_is_merged_as_text_whatever_the_pattern(repo: Repo) -> None:
    _track(repo, "*")
    told = [".gitattributes", ".gitignore", ".gitmodules", "mlvc.toml"]
    behind = [f"{name} !filter !diff !merge !text\n" for name in told]
    assert repo.read(".gitattributes").decode() == "".join([f"*{LINE}", *behind])
    assert _track(repo, "*").already == ["*"]
    asked = repo.git("check-attr", "merge", "text", "--", "sub/mlvc.toml", ".gitmodules").out
    assert asked.count(": unspecified\n") == 4
    _track(repo, "*.toml")  # would win, standing last
    assert repo.read(".gitattributes").decode() == "".join(
        [f"*{LINE}", *behind[:3], f"*.toml{LINE}", behind[3]]
    )
    _untrack(repo, "*")
    assert repo.read(".gitattributes").decode() == f"*.toml{LINE}{behind[3]}"
    _track(repo, "*.toml", above="1kB")
    assert repo.read(".gitattributes") == b"*.toml filter=mlvc merge=mlvc\n"


def test_a_bad_size_writes_nothing(repo: Repo) -> None:
    with pytest.raises(ConfigError):
        _track(repo, "*", above="large")
    assert not repo.has(".gitattributes")
    assert not repo.has("mlvc.toml")


def test_committed_files_are_told_about(repo: Repo) -> None:
    repo.write({"a.bin": DATA, "s.bin": b"small", "c.py": b"x", "empty.bin": b""}).add()
    repo.commit("one")
    assert _track(repo, "*.bin").raw == [RepoPath(b"a.bin"), RepoPath(b"s.bin")]
    assert _track(repo, "*.bin", above="1kB").raw == [RepoPath(b"a.bin")]
    assert track.raw_files(_found(repo), _settings(repo)) == [RepoPath(b"a.bin")]


def test_untrack_takes_line_and_size_out_and_names_what_is_still_a_pointer(
    scene: Stubbed,
) -> None:
    scene.commit({"a.bin": DATA})
    repo = scene.repo
    _track(repo, "*.npy", above="1MiB")
    report = _untrack(repo, "*.bin", "*.npy", "*.other")
    assert (report.removed, report.unknown) == (["*.bin", "*.npy"], ["*.other"])
    assert report.pointers == [RepoPath(b"a.bin")]
    assert repo.read(".gitattributes") == b""
    assert _settings(repo).thresholds == ()


def test_all_lines_are_listed_with_their_sizes(repo: Repo) -> None:
    repo.at("sub").mkdir()
    _track(repo, "*.bin")
    _track(repo, "*", above="1MiB", cwd=repo.at("sub"))
    found = [
        (line.file.text, line.pattern, line.above, line.min_size_bytes)
        for line in track.tracked(_found(repo), _settings(repo))
    ]
    assert found == [
        (".gitattributes", "*.bin", False, 0),
        ("sub/.gitattributes", "*", True, 1 << 20),
    ]


def test_a_link_is_not_written_through(repo: Repo) -> None:
    target = repo.path.parent / "outside"
    target.write_bytes(b"theirs\n")
    repo.at(".gitattributes").symlink_to(target)
    with pytest.raises(InputError):
        _track(repo, "*.bin")
    assert target.read_bytes() == b"theirs\n"


def test_crlf_and_mode_of_the_file_are_kept(repo: Repo) -> None:
    repo.write({".gitattributes": b"*.c text\r\n"})
    repo.at(".gitattributes").chmod(0o600)
    _track(repo, "*.bin")
    assert repo.read(".gitattributes") == b"*.c text\r\n" + f"*.bin{LINE}".encode()[:-1] + b"\r\n"
    assert repo.at(".gitattributes").stat().st_mode & 0o777 == 0o600


# -- converting


def _convert(repo: Repo, store: Store, **options: object) -> RenormalizeReport:
    return renormalize(_found(repo), store, _settings(repo), **options)  # type: ignore[arg-type]


def test_committed_content_becomes_pointers_as_one_staged_change(scene: Stubbed) -> None:
    repo = scene.repo
    repo.remove(".gitattributes")
    files = {"a.bin": DATA, "copy.bin": DATA, "d/b.bin": b"b", "new\nline.bin": b"n"}
    repo.write({**files, "code.py": b"x", "empty.bin": b""}).add()
    repo.at("a.bin").chmod(0o755)
    repo.add().commit("raw")
    _track(repo, "*.bin")
    report = _convert(repo, scene.store)
    assert {path.text for path in report.to_pointer} == set(files)
    assert (report.to_raw, report.failed) == ([], {})
    for name, data in files.items():
        pointer = pointer_format.sniff(repo.blob(f":{name}"))
        assert pointer is not None
        got: list[bytes] = []
        scene.store.restore(pointer, lambda block, got=got: got.append(bytes(block)))
        assert b"".join(got) == data
        assert repo.read(name) == data
    assert repo.text("ls-files", "-s", "a.bin").startswith("100755")
    assert repo.blob(":empty.bin") == b""
    again = _convert(repo, scene.store)
    assert (again.to_pointer, again.to_raw) == ([], [])


def test_after_untrack_pointers_become_content_again(scene: Stubbed) -> None:
    repo = scene.repo
    scene.commit({"a.bin": DATA, "copy.bin": DATA, "b.bin": b"b"})
    _untrack(repo, "*.bin")
    report = _convert(repo, scene.store)
    assert len(report.to_raw) == 3
    assert (repo.blob(":a.bin"), repo.blob(":copy.bin"), repo.blob(":b.bin")) == (DATA, DATA, b"b")


def test_content_below_a_new_size_goes_back_to_git(scene: Stubbed) -> None:
    repo = scene.repo
    scene.commit({"a.bin": DATA, "b.bin": b"small"})
    _track(repo, "*.bin", above="1kB")
    report = _convert(repo, scene.store)
    assert (report.to_raw, report.to_pointer) == ([RepoPath(b"b.bin")], [])
    assert repo.blob(":b.bin") == b"small"


def test_a_pointer_whose_data_is_gone_stays_and_is_named(scene: Stubbed) -> None:
    repo = scene.repo
    scene.commit({"a.bin": DATA})
    repo.lose_data()
    _untrack(repo, "*.bin")
    report = _convert(repo, Store.open(scene.store.path))
    assert list(report.failed) == [RepoPath(b"a.bin")]
    assert pointer_format.sniff(repo.blob(":a.bin")) is not None


def test_a_remote_is_written_beside_a_size_and_goes_with_the_pattern(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[remote.cold]\nurl = "/cold"\n'})
    _track(repo, "*.npy", above="1MiB")
    lines = repo.read(".gitattributes")
    report = track.track(_found(repo), repo.path, ["*.npy"], _settings(repo), remote="cold")
    assert report.added == ["*.npy"] and repo.read(".gitattributes") == lines
    again = track.track(_found(repo), repo.path, ["*.npy"], _settings(repo), remote="cold")
    assert again.already == ["*.npy"]
    (line,) = track.tracked(_found(repo), _settings(repo))
    assert (line.min_size_bytes, line.remote) == (1 << 20, "cold")
    _track(repo, "*.npy")
    (line,) = track.tracked(_found(repo), _settings(repo))
    assert (line.min_size_bytes, line.remote) == (0, "cold")
    _untrack(repo, "*.npy")
    assert _settings(repo).routes == () and track.tracked(_found(repo), _settings(repo)) == []


def test_a_route_alone_is_listed_and_can_be_taken_out(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[track."models/**"]\nremote = "cold"\n'})
    (line,) = track.tracked(_found(repo), _settings(repo))
    assert (str(line.file), line.pattern, line.remote) == ("mlvc.toml", "models/**", "cold")
    assert _untrack(repo, "models/**").removed == ["models/**"]
    assert _settings(repo).routes == ()


def test_an_unknown_remote_is_refused_before_anything_is_written(repo: Repo) -> None:
    with pytest.raises(UsageError, match="no remote is called 'cold'"):
        track.track(_found(repo), repo.path, ["*.npy"], _settings(repo), remote="cold")
    assert not repo.has(".gitattributes") and not repo.has("mlvc.toml")

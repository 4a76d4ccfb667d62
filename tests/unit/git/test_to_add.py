"""Which new files are left to git, by their names."""

from __future__ import annotations

from support.repo import Machine

from git_mlvc.git.index import IndexReader
from git_mlvc.git.to_add import Found, in_this_case, out_of_the_way


def paths(names: list[bytes]) -> list[Found]:
    return [Found(name) for name in names]


def test_what_takes_the_place_of_something_gone_is_left_out() -> None:
    gone = {b"was-file", b"was-folder/x/y", b"other"}
    new = [b"was-file/a", b"was-file/b/c", b"was-folder", b"was-folder/x", b"was-folder/z", b"othe"]
    kept = [item.path for item in out_of_the_way(paths(new), gone)]
    assert kept == [b"was-folder/z", b"othe"]


def test_where_case_is_folded_git_chooses_the_names(bare_machine: Machine) -> None:
    repo = bare_machine.init().write({"Dir/Sub/a": b"1", "plain/b": b"2"}).add()
    index = IndexReader.open(repo.git_dir / "index")
    new = [b"Dir/c", b"dir/d", b"Dir/sub/e", b"Dir/Sub/f", b"new/g", b"new/G", b"plain/h", b"i"]
    kept = [item.path for item in in_this_case(paths(new), index)]
    assert kept == [b"Dir/c", b"Dir/Sub/f", b"plain/h", b"i"]

"""Which files `git add` would read, found without reading them: by their stat data, as git compares it.

What git would not add is never among them; what is missing here git adds by itself afterwards, when it is
given the same pathspecs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from git_mlvc.formats.pointer import is_never_data
from git_mlvc.git.attributes import FILTER

if TYPE_CHECKING:
    from git_mlvc.git.index import IndexReader
    from git_mlvc.git.process import Git

# Git looks into a file that may have changed within the second of its index; here it must not ask our
# filter, and if it takes such a file for modified no harm is done.
_UNFILTERED = tuple(
    word
    for setting in ("process=", "clean=", "required=false")
    for word in ("-c", f"filter.{FILTER}.{setting}")
)
_REGULAR, _SYMLINK, _TYPE = 0o100000, 0o120000, 0o170000
_ATTRIBUTES = ("filter", "text", "crlf", "eol", "working-tree-encoding")
_READ_BYTES = 1 << 16
_ASKED_AT_ONCE = 256


class Found(NamedTuple):
    """A file to read, unless it is gone. `mode` and `blob_sha`: what the index has, 0 and "" for none."""

    path: bytes
    mode: int = 0
    blob_sha: str = ""
    is_gone: bool = False


def untracked(git: Git, pathspecs: Sequence[str], *, with_ignored: bool) -> Iterator[Found]:
    """Yield the files that git does not know yet, in the order of the index. Raises GitError."""
    excluding = [] if with_ignored else ["--exclude-standard"]
    listed = git.records("ls-files", "-z", "--others", "--full-name", *excluding, "--", *pathspecs)
    for path in listed:
        if not path.endswith(b"/"):  # another repository
            yield Found(path)


def changed(git: Git, pathspecs: Sequence[str]) -> Iterator[Found]:
    """Yield the files that are not what the index's stat data say, in its order. Raises GitError.

    Left out are submodules, and paths in conflict.
    """
    records = git.records(
        *_UNFILTERED,
        "diff-files",
        "-z",
        "--raw",
        "--no-renames",
        "--no-relative",
        "--ignore-submodules=all",
        "--",
        *pathspecs,
    )
    unmerged = b""
    for head in records:
        path = next(records)
        before, after, sha, _, status = head[1:].split(b" ")
        if status == b"U":
            unmerged = path
        mode = int(before, 8)
        is_file = int(after, 8) & _TYPE == _REGULAR and mode & _TYPE in (0, _REGULAR, _SYMLINK)
        if path != unmerged and (is_file or status == b"D"):
            yield Found(path, mode, sha.decode("ascii"), status == b"D")


def out_of_the_way(found: Iterable[Found], gone: Collection[bytes]) -> Iterator[Found]:
    """Yield those new files that take the place of none of the files `gone`: git removes those first."""
    folders = {folder for path in gone for folder in _folders(path)}
    for item in found:
        if item.path not in folders and not any(path in gone for path in _folders(item.path)):
            yield item


def _folders(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def in_this_case(found: Iterable[Found], index: IndexReader) -> Iterator[Found]:
    """Yield those new files whose names git keeps as they are, where it takes letters for equal.

    Not a name that differs from another new one, or its directory from one of the index, in nothing but
    upper and lower case: git chooses a name for those.
    """
    folders: dict[bytes, bytes] = {}
    for number in range(index.count):
        for folder in _folders(index.name(number)):
            if folders.setdefault(folder.lower(), folder) is not folder:
                break
    listed = list(found)
    names = Counter(item.path.lower() for item in listed)
    for item in listed:
        is_alone = names[item.path.lower()] == 1
        if is_alone and all(folders.get(f.lower(), f) == f for f in _folders(item.path)):
            yield item


def filtered(git: Git, found: Iterable[Found], *, converts_text: bool) -> Iterator[Found]:
    """Yield those files that our filter is to clean, and that git converts in no other way.

    `converts_text`: git changes line ends where no attribute speaks of them. Raises GitError.
    """
    waiting: deque[Found] = deque()

    def fed() -> Iterator[bytes]:
        source = iter(found)
        while group := list(islice(source, _ASKED_AT_ONCE)):
            waiting.extend(group)
            yield b"".join([item.path + b"\0" for item in group])

    asked = ("check-attr", "-z", "--stdin", *_ATTRIBUTES)
    width = 3 * len(_ATTRIBUTES)
    mine = FILTER.encode()
    # A path, an attribute, its value; in blocks, because git would write each path by itself.
    with git.streaming(*asked, input=fed(), env_extra={"GIT_FLUSH": "0"}) as out:
        rest: list[bytes] = [b""]
        while block := out.read1(_READ_BYTES):
            fields = block.split(b"\0")
            fields[0] = rest.pop() + fields[0]
            fields = rest + fields
            whole = (len(fields) - 1) // width * width
            for at in range(2, whole, width):
                item = waiting.popleft()
                if fields[at] != mine or is_never_data(item.path):
                    continue
                text, crlf, eol, encoding = fields[at + 3 : at + width : 3]
                if encoding == b"unspecified" and _is_left_alone(text, crlf, eol, converts_text):
                    yield item
            rest = fields[whole:]


def _is_left_alone(text: bytes, crlf: bytes, eol: bytes, converts_text: bool) -> bool:
    """True if git leaves the line ends of what the filter answers as they are."""
    if text == b"unset" or (text == b"unspecified" and crlf == b"unset"):
        return True
    return not converts_text and text == crlf == eol == b"unspecified"

"""The oracle: the same commands in a repository with the filter and in one without.

After each command the worktree's bytes and modes and `git status --porcelain` must be the same, at once:
the files are looked at before status runs, because running anything could heal them. At the end every
commit must correspond: same graph, messages and modes, and each blob is the same bytes or the pointer to them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.content import pointer_to
from support.extent import IN_FULL
from support.repo import Clock, Machine, Name, Repo, Result

_ID = re.compile(rb"\b[0-9a-f]{7,64}\b")
_MARKER = re.compile(rb"^(<{7}|>{7}|\|{7}) .*$", re.M)
PATTERN = "*.bin"


@dataclass(frozen=True)
class Commit:
    id: str
    signature: str


class Twin:
    """A pair of repositories that live the same life. `real` has the filter, `plain` has not."""

    def __init__(self, real: Repo, plain: Repo) -> None:
        self.real = real
        self.plain = plain
        self.clock = real.machine.clock
        self.has_young_files = IN_FULL
        assert plain.machine.clock is self.clock

    @classmethod
    def start(
        cls,
        root: Path,
        inline_limit: str | None = None,
        *,
        filtered: bool = True,
        init: Sequence[str] = (),
    ) -> Twin:
        """Make two machines and an empty repository on each, `*.bin` tracked.

        `init`: further arguments of `git init`.
        """
        clock = Clock()
        real, plain = (Machine(root / name, clock) for name in ("real", "plain"))
        if filtered:
            real.install()
        if inline_limit is not None:
            real.config("mlvc.inlineLimit", inline_limit)
        twin = cls(real.init("repo", *init), plain.init("repo", *init))
        for repo in twin.pair:
            repo.track(PATTERN)
        return twin

    @property
    def pair(self) -> tuple[Repo, Repo]:
        return self.real, self.plain

    # -- commands

    def git(self, *args: Name | Path, check: bool = True, **options: object) -> Result:
        """Run a command in both and compare everything. `{root}` stands for each machine's root."""
        result = self.quietly(*args, check=check, **options)
        self.compare(f"git {' '.join(map(str, args))}", result)
        return result

    def fails(self, *args: Name | Path, **options: object) -> Result:
        """Run a command that must fail in both (a conflict) and compare everything."""
        result = self.git(*args, check=False, **options)
        assert result.returncode != 0, f"succeeded\n{result}"
        return result

    def quietly(self, *args: Name | Path, check: bool = True, **options: object) -> Result:
        """Run a command in both without looking at the files: for setting a scene."""
        self.clock.tick()
        results = [
            repo.git(*self._for(repo, args), check=False, tick=False, **options)
            for repo in (self.plain, self.real)
        ]
        plain, real = results
        assert plain.returncode == real.returncode, f"with the filter:\n{real}\nwithout:\n{plain}"
        assert plain.returncode == 0 or not check, f"{real}"
        return real

    def _for(self, repo: Repo, args: tuple[Name | Path, ...]) -> list[Name | Path]:
        root = str(repo.machine.root)
        return [a.replace("{root}", root) if isinstance(a, str) else a for a in args]

    def both(self, action: Callable[[Repo], object]) -> Twin:
        for repo in self.pair:
            action(repo)
        return self

    # -- files

    def write(self, files: Mapping[str, bytes] | Mapping[bytes, bytes]) -> Twin:
        return self.both(lambda repo: repo.write(files))

    def write_now(self, files: Mapping[str, bytes] | Mapping[bytes, bytes]) -> Twin:
        self.has_young_files = True
        return self.both(lambda repo: repo.write_now(files))

    def remove(self, *names: Name) -> Twin:
        return self.both(lambda repo: repo.remove(*names))

    def chmod(self, name: Name, mode: int) -> Twin:
        return self.both(lambda repo: repo.at(name).chmod(mode))

    def symlink(self, name: Name, target: str) -> Twin:
        return self.both(lambda repo: repo.at(name).symlink_to(target))

    def commit(self, message: str, files: Mapping[str, bytes] | None = None) -> Twin:
        """Write files and commit everything, without comparing: for setting a scene."""
        if files:
            self.write(files)
        self.quietly("add", "-A")
        self.quietly("commit", "-q", "--allow-empty", "-m", message)
        return self

    def read(self, name: Name) -> bytes:
        return self.real.read(name)

    # -- other repositories of the pair

    def beside(self, name: Name) -> Twin:
        """Return the pair of repositories called `name` on the two machines."""
        return Twin(self.real.machine.repo(name), self.plain.machine.repo(name))

    def bare(self, name: Name = "origin.git") -> Twin:
        self.real.machine.bare(name)
        self.plain.machine.bare(name)
        return self.beside(name)

    def clone(self, source: str, name: Name, *args: str, **options: object) -> Twin:
        """Clone on both machines (`source` is relative to the machine) and compare."""
        self.clock.tick()
        for repo in self.pair:
            given = source.replace("{root}", str(repo.machine.root))
            repo.machine.git("clone", "-q", *args, given, name, tick=False, **options)
        pair = self.beside(name)
        pair.compare(f"git clone {' '.join(args)} {source}")
        return pair

    # -- the oracle

    def compare(self, after: str, result: Result | None = None) -> None:
        """Raise unless the worktrees, `git status --porcelain` and the refs' graphs are alike."""
        said = f"\n{result}" if result else ""
        if not self.real.is_bare():
            self._compare_files(after, said)
        real_refs, plain_refs = (_graph(repo)[0] for repo in self.pair)
        assert real_refs == plain_refs, f"after `{after}` the commit graphs differ{said}"

    def _compare_files(self, after: str, said: str) -> None:
        real, plain = (_normal(repo.snapshot()) for repo in self.pair)
        assert real == plain, f"after `{after}`: {_differences(real, plain)}{said}"
        if not self.has_young_files:
            _age(self.real)
        real_status, plain_status = (
            repo.git("status", "--porcelain", tick=False, check=False) for repo in self.pair
        )
        assert real_status.returncode == plain_status.returncode, f"after `{after}` {real_status}"
        assert real_status.stdout == plain_status.stdout, (
            f"after `{after}` git status says\n{real_status.out}\ninstead of\n{plain_status.out}{said}"
        )

    def compare_history(self, *, pointers: bool = True) -> None:
        """Raise unless all commits correspond, blob by blob.

        `pointers`: insist that at least one blob is a pointer, so that a filter that never ran
        does not look like one that works.
        """
        (_, real), (_, plain) = (_graph(repo) for repo in self.pair)
        assert real.keys() == plain.keys()
        found: dict[tuple[str, str, bool], str] = {}
        for signature in real:
            theirs, ours = _tree(self.plain, plain[signature]), _tree(self.real, real[signature])
            assert [e[:2] for e in ours] == [e[:2] for e in theirs], (
                f"{real[signature]}: other tree"
            )
            for (mode, path, mine), (_, _, other) in zip(ours, theirs, strict=True):
                is_data = path.endswith(PATTERN[1:]) and not mode.startswith("120000")
                found[mine, other, is_data] = path
        ours_data = blobs(self.real, [mine for mine, _, _ in found])
        theirs_data = blobs(self.plain, [other for _, other, _ in found])
        seen = 0
        for (mine, other, is_data), path in found.items():
            data, content = ours_data[mine], theirs_data[other]
            if is_data:
                assert data == pointer_to(content), f"{path}: {data[:200]!r} is not its pointer"
                seen += bool(content)
            else:
                assert data == content, f"{path}: {data[:200]!r} is not its content"
        assert seen or not pointers, "no pointer was made: the filter never ran"


def _age(repo: Repo) -> None:
    """Let git look as if seconds later: else it has all that a command just wrote cleaned by a process more."""
    index = repo.git_dir / "index"
    if index.exists():
        later = index.stat().st_mtime_ns + 2 * 10**9
        os.utime(index, ns=(later, later))


def _normal(snapshot: dict[str, tuple[str, bytes]]) -> dict[str, tuple[str, bytes]]:
    """Conflict markers name commits by id, or say "ours" where git tells a driver no names."""
    return {
        name: (mode, _MARKER.sub(rb"\1 SIDE", data) if b">>>>>>> " in data else data)
        for name, (mode, data) in snapshot.items()
    }


def _differences(real: dict[str, tuple[str, bytes]], plain: dict[str, tuple[str, bytes]]) -> str:
    lines = []
    for name in sorted(real.keys() | plain.keys()):
        if real.get(name) != plain.get(name):
            lines.append(
                f"  {name!r}: {_shown(real.get(name))} instead of {_shown(plain.get(name))}"
            )
    return "\n" + "\n".join(lines)


def _shown(entry: tuple[str, bytes] | None) -> str:
    if entry is None:
        return "nothing"
    mode, data = entry
    return f"{mode} {len(data)} bytes {data[:130]!r}"


def _graph(repo: Repo) -> tuple[dict[str, str], dict[str, str]]:
    """Return (ref -> signature, signature -> commit id). A signature stands for a commit's whole past."""
    listed = repo.git("show-ref", "--head", tick=False, check=False).out
    refs = dict(line.split(" ", 1)[::-1] for line in listed.splitlines())
    if not refs:
        return {}, {}
    log = repo.git(
        "log", "--topo-order", "--reverse", "--date=raw", "-z",
        "--format=%H%x01%P%x01%an%x01%ad%x01%cn%x01%cd%x01%B",
        "--stdin", tick=False, check=False, input="\n".join(refs.values()).encode() + b"\n",
    )  # fmt: skip
    signatures: dict[str, str] = {}
    for record in log.stdout.split(b"\0"):
        if not record:
            continue
        commit, parents, *words, message = record.split(b"\x01")
        past = sorted(signatures.get(p.decode(), "") for p in parents.split())
        message = _ID.sub(b"ID", message.replace(bytes(repo.machine.root), b"ROOT"))
        what = b"\x01".join([*words, message]).decode("utf-8", "replace")
        signatures[commit.decode()] = str(hash((tuple(past), what)))
    peeled: dict[str, str] = {}
    for ref, sha in refs.items():
        name = _ID.sub(b"ID", ref.encode()).decode()  # refs/bisect/good-<id>
        what = signatures.get(_peel(repo, ref, sha, signatures), "not a commit")
        peeled[name] = " ".join(sorted([*peeled.get(name, "").split(), what]))
    return peeled, {signature: commit for commit, signature in signatures.items()}


def _peel(repo: Repo, ref: str, sha: str, known: Mapping[str, str]) -> str:
    if sha in known:
        return sha
    return repo.git("rev-parse", "-q", f"{sha}^{{}}", tick=False, check=False).out.strip()


def _tree(repo: Repo, commit: str) -> list[tuple[str, str, str]]:
    """Return (mode and type, path, blob id) of a commit's files; a submodule's id is left out."""
    listed = repo.git("ls-tree", "-r", "-z", commit, tick=False).out
    rows = []
    for line in listed.split("\0"):
        if line:
            what, _, path = line.partition("\t")
            mode, kind, sha = what.split(" ")
            if kind == "blob":
                rows.append((f"{mode} {kind}", path, sha))
    return rows


def blobs(repo: Repo, ids: list[str]) -> dict[str, bytes]:
    """Return the content of each blob; raises KeyError or ValueError if one is missing."""
    if not ids:
        return {}
    out = repo.git("cat-file", "--batch", tick=False, input="\n".join(ids).encode() + b"\n").stdout
    found: dict[str, bytes] = {}
    at = 0
    for _ in ids:
        end = out.index(b"\n", at)
        sha, _, size = out[at:end].split(b" ")
        at = end + 1
        found[sha.decode()] = out[at : at + int(size)]
        at += int(size) + 1
    return found

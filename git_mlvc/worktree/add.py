"""Adding: files are read, cleaned and named to git here, many at a time; git does everything else.

Git says which files (`git/to_add.py`). Those that the filter is to clean are cleaned by the filter's own
rules, on several threads and without its pipe; the blobs go to git as one pack, the entries into a copy of
its index. Then `git add` runs on that copy, with the words the user typed: it finds our files up to date,
and adds, removes, warns and refuses as it always does. If it is content, the copy becomes the index.

Nothing is said about the files before their bytes are in the store and sealed (law 1), and the index is the
old one or the new one at every moment (law 10).
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError, GitError, InputError
from git_mlvc.git import config, to_add
from git_mlvc.git.attributes import FILTER
from git_mlvc.git.blob_pack import BlobPack
from git_mlvc.git.index_staging import IndexStaging, Outcome
from git_mlvc.repo_path import shown
from git_mlvc.worktree.pointers import open_index
from git_mlvc.worktree.taking_in import Clean, FileSystem, Taken, TakingIn
from git_mlvc.worktree.work_folder import work_folder

if TYPE_CHECKING:
    from git_mlvc.git.add_arguments import AddArguments
    from git_mlvc.git.config import Config
    from git_mlvc.git.process import Git
    from git_mlvc.git.repository import Repository
    from git_mlvc.git.to_add import Found
    from git_mlvc.progress import Progress

_DRIVER = ("process", "clean")
_MOST_THREADS = 8
_MOST_ATTEMPTS = 5
_LOCK_TIMEOUT_S = 5.0
_CLOCK_S = 2  # file systems stamp with clocks of their own
_MOST_NAMED = 10
_NO = ("false", "no", "off", "0", "")
_INDEX_IS_SYNCED = frozenset({"index", "added", "all"})


@dataclass(slots=True)
class AddReport:
    """What was read here, and how git's own run ended. Other files git has added by itself."""

    files: int = 0
    size_bytes: int = 0
    blobs: int = 0
    code: int = 0


@dataclass(slots=True)
class Adding:
    """One `git mlvc add`: what is asked, and what is needed to do it."""

    repo: Repository
    git: Git  # in the user's directory
    config: Config
    words: Sequence[str]
    arguments: AddArguments
    open_cleaner: Callable[[], Clean]
    progress: Progress
    jobs: Callable[[], int] = lambda: 0
    standard_input: bytes | None = None
    is_quiet: bool = False  # what git answers on standard output is dropped
    told: Callable[[bytes], None] = lambda path: None  # with -v: what was added
    flush: Callable[[], None] = lambda: None  # what was told comes before what git tells

    def run(self) -> AddReport:
        """Add. Raises MlvcError; then the index is what it was."""
        report = AddReport()
        try:
            code = None if self._is_left_to_git() else self._native(report)
        except GitError:  # a pathspec it does not take, a full disk: it has the words for it
            code = None
        if code is None:
            report = AddReport()
            code = self._git_adds({})
        report.code = code
        return report

    def _native(self, report: AddReport) -> int | None:
        """Read what can be read here; None if that is nothing, or did not reach the index."""
        found = self._found()
        first = next(found, None)
        if first is None:
            return None
        if not any(config.last(self.config, f"filter.{FILTER}.{key}") for key in _DRIVER):
            raise ConfigError(
                "git does not know the filter that makes pointers", hint="git mlvc install"
            )
        with work_folder(self.repo, "add") as folder:
            since_s = int(time.time()) - _CLOCK_S
            taken = self._take_in(chain((first,), found), folder, report)
            return self._stage(taken, folder, since_s) if taken.records else None

    def _is_left_to_git(self) -> bool:
        """True where git's choice of files cannot be had from git without adding."""
        if config.is_true(self.config, "core.sparsecheckout"):
            return True
        return os.path.lexists(f"{os.path.realpath(self.repo.index_path)}.lock")

    def _git_adds(self, env: Mapping[str, str]) -> int:
        self.flush()
        return self.git.hand_over(
            "add", *self.words, input=self.standard_input, env_extra=env, is_quiet=self.is_quiet
        )

    # -- which files

    def _found(self) -> Iterator[Found]:
        """Yield the files that git would have the filter clean. Raises GitError."""
        arguments = self.arguments
        git = self.git if arguments.pathspecs else self.repo.git
        has_index = self.repo.index_path.exists()
        is_folding = config.is_true(self.config, "core.ignorecase")

        def found() -> Iterator[Found]:
            gone = set()
            for item in to_add.changed(git, arguments.pathspecs) if has_index else ():
                if item.is_gone:
                    gone.add(item.path)
                else:
                    yield item
            if arguments.only_tracked:
                return
            new = to_add.untracked(git, arguments.pathspecs, with_ignored=arguments.with_ignored)
            if gone:
                new = to_add.out_of_the_way(new, gone)
            yield from to_add.in_this_case(new, open_index(self.repo)) if is_folding else new

        converts_text = config.last(self.config, "core.autocrlf") not in (None, *_NO)
        return to_add.filtered(self.repo.git, found(), converts_text=converts_text)

    # -- their content

    def _take_in(self, found: Iterable[Found], folder: Path, report: AddReport) -> Taken:
        """Have contents in the store, sealed, and blobs in git. Raises MlvcError."""
        repo = self.repo
        cleaner = self.open_cleaner()
        with BlobPack(repo.object_format, folder) as pack, closing(cleaner):
            work = TakingIn(
                top=os.fsencode(repo.top),
                cleaner=cleaner,
                pack=pack,
                file_system=FileSystem(
                    has_modes=config.is_true(self.config, "core.filemode", unset=True),
                    has_symlinks=config.is_true(self.config, "core.symlinks", unset=True),
                ),
                object_format=repo.object_format,
                progress=self.progress,
            )
            taken = work.run(found, self.jobs() or min(_MOST_THREADS, os.cpu_count() or 1))
            if taken.damaged:
                raise _damaged(taken.damaged)
            report.files, report.size_bytes = len(taken.records), taken.size_bytes
            report.blobs = pack.count
            with ThreadPoolExecutor(1) as other:  # both wait for the disk
                sealed = other.submit(cleaner.close)
                pack.store(repo.git)
                sealed.result()
        return taken

    # -- git's index

    def _stage(self, taken: Taken, folder: Path, since_s: int) -> int | None:
        """Have the files in the index, and what git adds; return its exit code, None if in vain."""
        for path in sorted(taken.news) if self.arguments.is_verbose else ():
            self.told(path)
        staging = IndexStaging(self.repo, folder, is_synced=self._is_index_synced())
        for _ in range(_MOST_ATTEMPTS):
            try:
                staging.begin()
                staging.enter(taken.records, since_s=since_s)
            except OSError:
                return None
            code = self._git_adds({"GIT_INDEX_FILE": str(staging.path)})
            if code not in (0, 1):  # 1: it has refused some and added the others
                return code
            staging.split_again()
            outcome = staging.commit(timeout_s=_LOCK_TIMEOUT_S)
            if outcome is Outcome.DONE:
                self._tell_hooks()
                return code
            if outcome is Outcome.LOCKED:
                return None
        return None

    def _is_index_synced(self) -> bool:
        parts = (config.last(self.config, "core.fsync") or "").replace(" ", "").split(",")
        return not _INDEX_IS_SYNCED.isdisjoint(parts)

    def _tell_hooks(self) -> None:
        """As git does when it has written its index: neither the worktree nor its bounds changed."""
        self.repo.git.run(
            "hook", "run", "--ignore-missing", "post-index-change", "--", "0", "0", check=False
        )


def _damaged(paths: list[bytes]) -> InputError:
    names = ", ".join(shown(path) for path in paths[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    first = shlex.quote(shown(paths[0]))
    return InputError(
        f"nothing was added: {names}{f' and {more} more' if more > 0 else ''}",
        why="a stub that was edited or merged as if it were the file (a damaged stub)",
        hint=f"git mlvc fill --keep-appended {first}, or git checkout -- {first}",
    )

"""Small files in the tree of one ref of a git remote: a table that many clients change, none loses.

What is fetched lives in a bare repository of its own, so that nobody meets it in `git branch`, `git log --all`,
`git push --mirror` or git's gc. It is worked on with the configuration of the user's repository (credential helpers, proxies,
core.sshCommand), without her hooks, and may be lost at any time. A change is a commit on top of what was seen, pushed
without force: the remote itself refuses it when somebody was faster.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from git_mlvc.errors import GitError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs.lock import FileLock
from git_mlvc.git.process import Completed, Git, clean_env
from git_mlvc.git.remote_address import RemoteAddress
from git_mlvc.git.remote_failure import failure

MAX_FILE_BYTES = 1 << 20  # larger ones are not ours and are not read
LOCK_TIMEOUT_S = 600.0
_TIP = "refs/mlvc/tip"
_TRY = "refs/mlvc/try/"
_NOBODY = "git-mlvc <git-mlvc@localhost>"
# What ties a process to a repository says nothing of configuration, except in these names.
_CONFIG_VARIABLES = ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS")
_LOST_RACE = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "failed to update ref",
    "cannot lock ref",
    "incorrect old value",
    "reference already exists",
    "failed to lock",
)
_SETTINGS = {
    "core.bare": "true",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "fetch.prune": "false",
    "fetch.writeCommitGraph": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "gc.autoDetach": "false",
    "maintenance.autoDetach": "false",
    "fastimport.unpackLimit": "100",
}
_WATCHFUL_SSH = (
    "ssh -o ConnectTimeout={connect} -o ServerAliveInterval={alive} -o ServerAliveCountMax=3"
)


class RemoteRef:
    """One ref of one git remote. Use from one thread at a time; processes keep out of each other's way.

    `place`: the directory of the bare repository, made when it is needed. `configs`: the user's own configuration files.
    """

    def __init__(
        self,
        git: Git,
        address: RemoteAddress,
        name: str,
        place: Path,
        *,
        configs: tuple[Path, ...] = (),
        object_format: str = "sha1",
        idle_timeout_s: float = 60.0,
    ) -> None:
        self._address = address
        self._name = name
        self._place = place
        self._object_format = object_format
        environment = clean_env(git.env)
        environment |= {key: git.env[key] for key in _CONFIG_VARIABLES if key in git.env}
        environment["GIT_NO_LAZY_FETCH"] = "1"
        if not address.has_ssh_command:
            alive = max(1, int(idle_timeout_s / 3))
            environment["GIT_SSH_COMMAND"] = _WATCHFUL_SSH.format(connect=10, alive=alive)
        self._git = Git(git.cwd, env=environment, git_dir=place, program=git.program)
        settings = {
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(max(1, int(idle_timeout_s))),
            **_SETTINGS,
        }
        self._options = [f"include.path={path.absolute()}" for path in configs if path.is_file()]
        self._options += [f"{key}={value}" for key, value in settings.items()]
        self._tip: str | None = None
        self._files: dict[str, bytes] = {}
        self._blobs: dict[
            str, bytes
        ] = {}  # by git's name, so that what did not change is read once

    def fetch(self) -> Mapping[str, bytes]:
        """Return path -> bytes as the remote has them now; empty if it has no such ref.

        Raises RemoteUnavailable, RemoteRefused.
        """
        with self._alone():
            there = self._ask_tip()
            if there is None:
                self._tip, self._files, self._blobs = None, {}, {}
            elif there != self._tip:
                if there != self._local_tip():
                    self._fetch_tip()
                self._load(self._local_tip())
        return self._files

    def publish(self, changes: Mapping[str, bytes | None], message: str) -> bool:
        """Put a commit with `changes` (None: take away) on top of what was seen last.

        False: the ref has moved since, nothing was changed. Raises RemoteUnavailable when the outcome is
        unknown, RemoteRefused.
        """
        attempt = _TRY + secrets.token_hex(8)
        with self._alone():
            commit = self._commit(attempt, changes, message)
            try:
                is_there = self._push(attempt)
                if is_there:
                    self._run("update-ref", _TIP, commit)
            finally:
                self._run("update-ref", "-d", attempt, check=False)
            if not is_there:
                return False
            self._tip = commit
        files = {
            **self._files,
            **{path: data for path, data in changes.items() if data is not None},
        }
        self._files = {path: files[path] for path in files if changes.get(path, b"") is not None}
        return True

    # -- what the remote has

    def _ask_tip(self) -> str | None:
        said = self._contact("ls-remote", "--refs", "--", self._address.fetch_url, self._name)
        for line in said.stdout.decode("ascii", "replace").splitlines():
            sha, _, name = line.partition("\t")
            if name == self._name:
                return sha
        return None

    def _fetch_tip(self) -> None:
        self._contact(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--depth=1",
            *self._address.upload_pack,
            "--",
            self._address.fetch_url,
            f"+{self._name}:{_TIP}",
        )

    def _local_tip(self) -> str | None:
        done = self._run("rev-parse", "--verify", "--quiet", f"{_TIP}^{{commit}}", check=False)
        return done.stdout.decode("ascii").strip() or None if done.returncode == 0 else None

    def _load(self, tip: str | None) -> None:
        if tip is None:
            raise RemoteUnavailable(
                f"cannot read {self._name} of {self._address.shown}", why="it vanished on the way"
            )
        names: dict[str, str] = {}
        records = self._git.records(
            *self._configured(), "ls-tree", "-r", "-l", "-z", "--full-tree", tip
        )
        for record in records:
            head, _, path = record.partition(b"\t")
            parts = head.split()
            if parts[0].startswith(b"100") and int(parts[3]) <= MAX_FILE_BYTES:
                names[path.decode("utf-8", "surrogateescape")] = parts[2].decode("ascii")
        known = self._blobs
        wanted = list(dict.fromkeys(sha for sha in names.values() if sha not in known))
        self._blobs = {sha: known[sha] for sha in names.values() if sha in known}
        self._blobs |= dict(self._read(wanted))
        self._files = {path: self._blobs[sha] for path, sha in names.items()}
        self._tip = tip

    def _read(self, shas: list[str]) -> Iterator[tuple[str, bytes]]:
        if not shas:
            return
        fed = (sha.encode("ascii") + b"\n" for sha in shas)
        with self._git.streaming(
            *self._configured(), "cat-file", "--batch", "--buffer", input=fed
        ) as out:
            for sha in shas:
                size_bytes = int(out.readline().split(b" ")[2])
                yield sha, out.read(size_bytes + 1)[:-1]

    # -- changing it

    def _commit(self, ref: str, changes: Mapping[str, bytes | None], message: str) -> str:
        text = message.encode()
        lines = [
            b"commit %s\nmark :1\ncommitter %s\ndata %d\n%s\n"
            % (ref.encode(), self._identity(), len(text), text)
        ]
        if self._tip is not None:
            lines.append(b"from %s\n" % self._tip.encode())
        for path, data in sorted(changes.items()):
            name = _quoted(path)
            if data is None:
                lines.append(b"D %s\n" % name)
            else:
                lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name, len(data), data))
        lines.append(b"\nget-mark :1\ndone\n")
        done = self._run("fast-import", "--quiet", "--done", "--force", input=b"".join(lines))
        return done.stdout.decode("ascii").strip()

    def _identity(self) -> bytes:
        done = self._run("var", "GIT_COMMITTER_IDENT", check=False)
        if done.returncode == 0:
            return done.stdout.strip()
        return b"%s %d +0000" % (_NOBODY.encode(), int(time.time()))

    def _push(self, ref: str) -> bool:
        done = self._run(
            "push",
            "--porcelain",
            "--no-verify",
            "--no-recurse-submodules",
            *self._address.receive_pack,
            "--",
            self._address.push_url,
            f"{ref}:{self._name}",
            check=False,
        )
        if done.returncode == 0:
            return True
        said = done.stdout.decode("utf-8", "replace")
        verdict = next((line for line in said.splitlines() if line.startswith("!\t")), "")
        if any(words in verdict for words in _LOST_RACE):
            return False
        if "[remote rejected]" in verdict:
            raise RemoteRefused(
                f"{self._address.shown} does not take {self._name}",
                why=_remote_lines(done) or verdict.rpartition("[remote rejected]")[2].strip(" ()"),
                hint="if it refuses such refs, use a branch: git config mlvc.remote.NAME.ref refs/heads/mlvc",
            )
        shown = self._address.shown
        raise failure(done, f"cannot write {self._name} of {shown}", shown)

    # -- running git in the repository of our own

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._place.parent / "ref.lock", timeout_s=LOCK_TIMEOUT_S)
            with lock:
                if (self._place / "HEAD").exists():
                    self._unlock()
                else:
                    self._make()
                yield
        except (OSError, GitError) as exc:
            # Whatever is wrong with the copy, the next attempt begins with a new one.
            self._tip, self._files, self._blobs = None, {}, {}
            shutil.rmtree(self._place, ignore_errors=True)
            raise RemoteUnavailable(
                f"cannot keep the catalogue of {self._address.shown} in {self._place}",
                why=exc.strerror or str(exc) if isinstance(exc, OSError) else exc.stderr.strip(),
                hint="run the same command again: it is fetched anew",
            ) from exc

    def _unlock(self) -> None:
        """Take away what a git that was killed left: nobody else is at work here."""
        for lock in (*self._place.glob("*.lock"), *(self._place / "refs").rglob("*.lock")):
            lock.unlink(missing_ok=True)

    def _make(self) -> None:
        self._run(
            "init",
            "--quiet",
            "--bare",
            "--template=",
            f"--object-format={self._object_format}",
            str(self._place),
        )

    def _contact(self, *args: str) -> Completed:
        done = self._run(*args, check=False)
        if done.returncode != 0:
            shown = self._address.shown
            raise failure(done, f"cannot read {self._name} of {shown}", shown)
        return done

    def _run(self, *args: str, input: bytes | None = None, check: bool = True) -> Completed:
        return self._git.run(*self._configured(), *args, input=input, check=check)

    def _configured(self) -> list[str]:
        return [word for option in self._options for word in ("-c", option)]


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n")):
        raw = raw.replace(plain, escaped)
    return b'"%s"' % raw


def _remote_lines(done: Completed) -> str:
    """Return what the server itself wrote to tell the user."""
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    return " ".join(line for line in said if line)[:500]

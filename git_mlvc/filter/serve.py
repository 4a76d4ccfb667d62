"""The filter process: git's requests in, answers out, until git closes the pipe.

One process per git command. Standard output belongs to git (law 7). What goes wrong with one file is
answered with status=error and told on standard error; the process lives on, because git would only start
another. At the end of the input the store's session is sealed: git waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.filter import rooms
from git_mlvc.filter.pipe import Disconnected, PacketPipe
from git_mlvc.git import filter_protocol as protocol
from git_mlvc.git.filter_protocol import Request
from git_mlvc.git.pktline import FLUSH, MAX_PAYLOAD_BYTES, ProtocolError
from git_mlvc.progress import Progress, Silent

if TYPE_CHECKING:
    from git_mlvc.filter.clean import Cleaner
    from git_mlvc.filter.smudge import Smudger
    from git_mlvc.filter.spool import Write
    from git_mlvc.workspace import Workspace

Messages = Callable[[str], None]


def serve(
    stdin_fd: int,
    stdout_fd: int,
    workspace: Workspace,
    messages: Messages,
    *,
    progress: Progress | None = None,
    ensure_hooks: Callable[[], object] | None = None,
    hooks_verified: Callable[[], bool] | None = None,
    skip_smudge: bool = False,
) -> int:
    """Serve git until it closes the pipe; return the exit code.

    `ensure_hooks` installs our hooks where a fresh clone has none; `hooks_verified` tells whether the git
    that runs will run them. While `git clone` guards against hooks that appear during it, neither is
    asked. Raises, after everything has been sealed, the first mistake of our own.
    """
    pipe = PacketPipe(stdin_fd, stdout_fd)
    try:
        _shake_hands(pipe)
    except Disconnected:
        messages("error: git closed the pipe before it said what it wants")
        return ExitCode.FORMAT
    if workspace.environment.get("GIT_CLONE_PROTECTION_ACTIVE"):
        ensure_hooks, hooks_verified = None, None
    if ensure_hooks is not None:
        try:
            ensure_hooks()
        except (MlvcError, OSError) as exc:
            messages(f"warning: git-mlvc's hooks could not be installed: {exc}")
            hooks_verified = None
    smudger = rooms.smudger(
        workspace,
        messages,
        progress=progress or Silent(),
        are_hooks_verified=hooks_verified or (lambda: False),
        skip=skip_smudge,
    )
    return Server(pipe, rooms.cleaner(workspace, messages), smudger, messages).run()


def _shake_hands(pipe: PacketPipe) -> None:
    """Raises ProtocolError for anything that is not git, Disconnected."""
    protocol.check_welcome(_said(pipe))
    pipe.write(protocol.WELCOME)
    pipe.write(protocol.capabilities_answer(_said(pipe)))


def _said(pipe: PacketPipe) -> list[bytes]:
    texts = pipe.lines()
    if texts is None:
        raise Disconnected
    return texts


class Server:
    """The loop."""

    def __init__(
        self, pipe: PacketPipe, cleaner: Cleaner, smudger: Smudger, messages: Messages
    ) -> None:
        self._pipe = pipe
        self._cleaner = cleaner
        self._smudger = smudger
        self._messages = messages
        self._mistake: Exception | None = None

    def run(self) -> int:
        """Answer requests until the end of the input, seal, tell; return the exit code."""
        code: int = ExitCode.OK
        try:
            while True:
                small = self._pipe.small_clean()
                if small is not None:
                    self._answer_small(*small)
                elif (texts := self._pipe.lines()) is not None:
                    self._answer(protocol.request(texts))
                else:
                    break
        except Disconnected:
            pass  # git was stopped; what it was told is safe, and there is nobody to talk to
        except ProtocolError as exc:
            self._tell(exc)
            code = exc.exit_code
        try:
            self._cleaner.close()
        except MlvcError as exc:
            self._tell(exc)
            code = exc.exit_code
        self._smudger.finish()
        if self._mistake is not None:
            raise self._mistake
        return code

    def _answer(self, request: Request) -> None:
        try:
            if request.command == protocol.CLEAN:
                self._clean(request.pathname)
            elif request.command == protocol.SMUDGE:
                self._smudge(request)
            elif request.command == protocol.LIST_AVAILABLE:
                self._pipe.write(protocol.available(self._smudger.available()))
            else:
                raise ProtocolError(
                    "git asks for what was not offered", why=f"command {request.command!r}"
                )
        except (Disconnected, ProtocolError):
            raise
        except Exception as exc:  # noqa: BLE001 - a door: git must get an answer, whatever it is
            self._fail(request, exc)

    def _answer_small(self, path: bytes, data: bytes) -> None:
        try:
            answer = self._cleaner.clean_bytes(path, data)
            if isinstance(answer, bytes):
                self._send(answer)
            else:
                self._stream(answer, None)
        except Disconnected:
            raise
        except Exception as exc:  # noqa: BLE001 - a door, as above
            self._fail(Request(protocol.CLEAN, path), exc)

    def _fail(self, request: Request, exc: Exception) -> None:
        self._pipe.drain()
        self._tell(self._as_error(exc), path=request.pathname)
        if request.command == protocol.LIST_AVAILABLE:
            self._pipe.write(FLUSH)
        self._pipe.write(protocol.ERROR)

    def _clean(self, path: bytes) -> None:
        data = self._pipe.small_content()
        if data is not None:
            self._answer_small(path, data)
            return
        answer = self._cleaner.clean(path, self._pipe.read_into)
        if isinstance(answer, bytes):
            self._send(answer)
        else:
            self._stream(answer, None)

    def _smudge(self, request: Request) -> None:
        data = self._pipe.small_content()
        if data is None:  # longer than any pointer: content that git itself holds
            from git_mlvc.filter.spool import Spool

            spool = Spool()
            spool.take(self._pipe.read_into)
            self._stream(spool.write_to, None)
            return
        answer = self._smudger.smudge(request, data)
        if isinstance(answer, bytes):
            self._send(answer)
            return
        from git_mlvc.filter.smudge import Streamed

        if isinstance(answer, Streamed):
            self._stream(answer.write_to, answer.instead)
        else:
            self._pipe.write(protocol.DELAYED)

    # -- answers

    def _send(self, data: bytes) -> None:
        if len(data) <= MAX_PAYLOAD_BYTES:
            self._pipe.write(protocol.answer(data))
            return
        self._pipe.write(protocol.SUCCESS)
        self._pipe.write_content(data)
        self._pipe.write(FLUSH + protocol.KEEP)

    def _stream(
        self,
        write_to: Callable[[Write], None],
        instead: Callable[[MlvcError], bytes] | None,
    ) -> None:
        """Send a content piece by piece; what fails on the way makes the second status an error."""
        is_begun = False

        def write(piece: bytes | memoryview) -> None:
            nonlocal is_begun
            if not is_begun:
                self._pipe.write(protocol.SUCCESS)
                is_begun = True
            self._pipe.write_content(piece)

        try:
            write_to(write)
        except Disconnected:
            raise
        except Exception as exc:
            if is_begun:
                self._tell(self._as_error(exc))
                self._pipe.write(FLUSH + protocol.ERROR)
            elif instead is not None and isinstance(exc, MlvcError):
                self._send(instead(exc))
            else:
                raise
            return
        if not is_begun:
            self._pipe.write(protocol.SUCCESS)
        self._pipe.write(FLUSH + protocol.KEEP)

    def _as_error(self, exc: Exception) -> MlvcError:
        """Return what a user is told; a mistake of our own is also kept for a report at the end."""
        if isinstance(exc, MlvcError):
            return exc
        if isinstance(exc, OSError):
            where = f"cannot use {exc.filename}" if exc.filename else "the machine refused"
            return MlvcError(where, why=exc.strerror or str(exc))
        self._mistake = self._mistake or exc
        return MlvcError("a mistake in git-mlvc, not yours", why=f"{type(exc).__name__}: {exc}")

    def _tell(self, error: MlvcError, *, path: bytes = b"") -> None:
        what = error.what
        if path:
            from git_mlvc.repo_path import RepoPath

            try:
                what = f"{RepoPath(path)}: {what}"
            except ValueError:
                pass
        lines = [f"error: {what}"]
        if error.why:
            lines.append(f"  why: {error.why}")
        if error.hint:
            lines.append(f"hint: {error.hint}")
        self._messages("\n".join(lines))

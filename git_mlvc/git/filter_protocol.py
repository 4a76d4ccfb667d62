"""The long-running filter protocol, version 2: git's requests and our answers, as values and bytes.

Source: gitattributes(5), "Long Running Filter Process", and git's t/t0021. Pure: lines of packets in,
bytes out. Keys that we do not know are ignored, as the protocol demands; `ref`, `treeish` and `blob` are
hints that may be absent or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from git_mlvc.git import pktline
from git_mlvc.git.pktline import ProtocolError
from git_mlvc.values import value_class

CLEAN = b"clean"
SMUDGE = b"smudge"
LIST_AVAILABLE = b"list_available_blobs"
CAPABILITIES = (CLEAN, SMUDGE, b"delay")

WELCOME = pktline.lines([b"git-filter-server", b"version=2"])

SUCCESS = pktline.lines([b"status=success"])
ERROR = pktline.lines([b"status=error"])
DELAYED = pktline.lines([b"status=delayed"])
KEEP = pktline.FLUSH  # the empty second status: what was said first still holds

_END = pktline.FLUSH + KEEP
_CLEAN_LINE = b"command=clean"
_PATHNAME = b"pathname="


@value_class
class Request:
    """What git wants done; for clean and smudge the content follows."""

    command: bytes
    pathname: bytes = b""
    can_delay: bool = False
    ref: bytes | None = None
    treeish: bytes | None = None
    blob: bytes | None = None


def check_welcome(texts: Sequence[bytes]) -> None:
    """Raises ProtocolError unless git said who it is and speaks version 2."""
    if not texts or texts[0] != b"git-filter-client":
        raise ProtocolError("this is not git speaking", why=f"it began with {texts[:1]!r}")
    if b"version=2" not in texts[1:]:
        raise ProtocolError(
            "git speaks no filter protocol that is known here",
            why=f"it offers {b', '.join(texts[1:])!r}, we know version 2",
            hint="use git 2.27 or newer",
        )


def capabilities_answer(texts: Iterable[bytes]) -> bytes:
    """Return our part of what git can do."""
    offered = {text.removeprefix(b"capability=") for text in texts}
    return pktline.lines([b"capability=" + name for name in CAPABILITIES if name in offered])


def request(texts: Sequence[bytes]) -> Request:
    """Read the lines of a request. Raises ProtocolError when there is no command or no path."""
    if len(texts) == 2 and texts[0] == _CLEAN_LINE and texts[1].startswith(_PATHNAME):
        return Request(CLEAN, texts[1][len(_PATHNAME) :])
    values: dict[bytes, bytes] = {}
    for text in texts:
        key, _, value = text.partition(b"=")
        values.setdefault(key, value)
    command = values.get(b"command", b"")
    if not command:
        raise ProtocolError("git sent a request without a command", why=repr(list(texts)[:4]))
    pathname = values.get(b"pathname", b"")
    if command in (CLEAN, SMUDGE) and not pathname:
        raise ProtocolError("git sent a request without a path", why=repr(list(texts)[:4]))
    return Request(
        command,
        pathname,
        values.get(b"can-delay") == b"1",
        values.get(b"ref"),
        values.get(b"treeish"),
        values.get(b"blob"),
    )


def answer(data: bytes) -> bytes:
    """Return the whole answer to a request whose result is in memory."""
    if 0 < len(data) <= pktline.MAX_PAYLOAD_BYTES:
        return b"%s%04x%s%s" % (SUCCESS, len(data) + pktline.HEADER_BYTES, data, _END)
    return b"%s%s%s" % (SUCCESS, pktline.content(data), _END)


def available(pathnames: Iterable[bytes]) -> bytes:
    """Return the answer to `list_available_blobs`; no paths means that there will be no more."""
    return pktline.lines([_PATHNAME + name for name in pathnames]) + SUCCESS

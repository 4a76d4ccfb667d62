"""A short knock at the address where the machines of a cloud learn who they are.

Elsewhere nobody answers there, and a library that waits for it seems to hang: so it is asked only after this.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

KNOCK_S = 1.0


def answers(url: str, headers: Mapping[str, str], method: str = "GET") -> bool:
    """True if somebody there speaks HTTP and knows the path. Returns within about two seconds."""
    import http.client  # late: few get here, and it costs more than all the rest of the driver

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=KNOCK_S)
    try:
        connection.request(method, parts.path or "/", headers=dict(headers))
        # 400: a question without all that belongs into it, to somebody who knows the answer.
        return connection.getresponse().status in (200, 400)
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()

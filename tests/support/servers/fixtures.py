"""One fixture a server, for the whole session of a worker; started when a test first asks for it.

Each imports its module when it is used. Names end in `_server`; each gives a `RemoteServer`.
"""

from __future__ import annotations

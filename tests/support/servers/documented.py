"""What the guide tells a person to write into a web server's configuration, for servers that tests start."""

from __future__ import annotations

import re
from pathlib import Path

from support.servers.programs import ROOT

GUIDE = ROOT / "docs" / "guide" / "remotes.md"


def configuration(server: str, data: Path, users: Path) -> str:
    """Return the guide's last block for a server, with the folders of a test in the place of its own."""
    blocks = re.findall(rf"(?ms)^```{server}\n(.*?)^```", GUIDE.read_text("utf-8"))
    text: str = blocks[-1]
    text = re.sub(r"/srv/models", str(data), text)
    return re.sub(r"/etc/\w+/users", str(users), text)

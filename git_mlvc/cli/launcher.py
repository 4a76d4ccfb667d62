"""By which words git can start this very program again."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from git_mlvc.errors import UsageError

_NAME = "git-mlvc"


def launcher(program: str, environment: Mapping[str, str]) -> str:
    """Return absolute shell words; GUIs run git with a stripped PATH.

    `program` is how we were started. Started by name it is the console script (kept as it is written:
    a symbolic link survives the upgrade of what it points to); started as a module it is the
    interpreter with `-m git_mlvc`.
    """
    path = Path(program)
    if path.name == _NAME or path.stem == _NAME:
        if not path.is_absolute() and "/" not in program:
            import shutil  # slow to import, and git starts us by an absolute path

            found = shutil.which(program, path=environment.get("PATH"))
            path = Path(found) if found else path
        path = path.absolute()
        if path.is_file():
            return shlex.quote(str(path))
    if not sys.executable:
        raise UsageError("cannot tell how git should start git-mlvc", hint="run it as `git mlvc`")
    return f"{shlex.quote(sys.executable)} -I -m git_mlvc"

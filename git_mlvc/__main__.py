"""`python -m git_mlvc`: the same program as `git-mlvc`."""

from __future__ import annotations

import sys

from git_mlvc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

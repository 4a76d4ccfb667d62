"""`git mlvc freeze`: the same as `git mlvc stage freeze`."""

from git_mlvc.cli.stages.define import freeze

__all__ = ["freeze"]

"""`git mlvc unfreeze`: the same as `git mlvc stage unfreeze`."""

from git_mlvc.cli.stages.define import unfreeze

__all__ = ["unfreeze"]

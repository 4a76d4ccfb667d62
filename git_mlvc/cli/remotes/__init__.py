"""The commands of `git mlvc remote`."""

"""The run cache: what was ever made, here and on remotes."""

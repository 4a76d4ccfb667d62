"""Git's events: the shims git runs, how they are installed, and what they then do."""

"""Git itself: its program, repository, configuration, index, history and protocols."""

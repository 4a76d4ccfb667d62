"""The parts of `git mlvc stage`, and what its neighbours share with it."""

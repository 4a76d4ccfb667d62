"""What must travel between the store and a remote, and moving it."""

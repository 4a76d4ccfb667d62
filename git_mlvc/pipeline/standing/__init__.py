"""What stands in the worktree, by content."""

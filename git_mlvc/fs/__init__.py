"""Files made safe: whole or not at all, locked, cloned, inside the worktree."""

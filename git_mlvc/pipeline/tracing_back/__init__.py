"""Where a file comes from, back to the sources."""

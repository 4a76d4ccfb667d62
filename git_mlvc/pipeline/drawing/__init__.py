"""The graph for people."""

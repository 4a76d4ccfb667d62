"""Numbers and parameters of several revisions, as tables for people, pull requests and programs."""

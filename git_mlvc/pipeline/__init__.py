"""Pipelines: stages turn contents into contents, and every result is remembered."""

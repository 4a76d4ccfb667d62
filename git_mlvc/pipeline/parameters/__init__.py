"""Params files: keys, values, and reading them."""

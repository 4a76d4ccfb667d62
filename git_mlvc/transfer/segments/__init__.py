"""The segments of a remote: which there are, which count, and reading them whole or by ranges."""

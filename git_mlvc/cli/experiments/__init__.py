"""The sub-commands of `git mlvc exp`, and what they share."""

"""Wrappers that stand around any driver: retries, read-only."""

"""Wrappers that stand around any driver: retries, a rate limit, read-only."""

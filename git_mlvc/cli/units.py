"""Sizes, counts and durations as people read them; the doors share `git_mlvc.units`."""

from __future__ import annotations

from git_mlvc.units import count_text as count_text
from git_mlvc.units import seconds_text as seconds_text
from git_mlvc.units import size_text as size_text

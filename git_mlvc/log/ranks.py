"""Which of the processes of one training this is: of several that do the same, only the first one logs."""

from __future__ import annotations

import sys
from collections.abc import Mapping

# What launchers set: torchrun and accelerate, MPI, Slurm; the first that is there decides.
_GLOBAL = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")
_OF_A_PART = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK")


def is_first(env: Mapping[str, str]) -> bool:
    """Return whether this process is the first one of its group, or alone."""
    torch = sys.modules.get("torch.distributed")
    if torch is not None and torch.is_available() and torch.is_initialized():
        return bool(torch.get_rank() == 0)
    jax = sys.modules.get("jax.distributed")
    if jax is not None and getattr(jax, "is_initialized", bool)():  # earlier ones cannot tell
        return bool(sys.modules["jax"].process_index() == 0)
    for name in _GLOBAL:
        if env.get(name, "").isdigit():
            return int(env[name]) == 0 and not (name == "SLURM_PROCID" and _is_later_part(env))
    return not _is_later_part(env)


def _is_later_part(env: Mapping[str, str]) -> bool:
    """Lightning starts its processes with these alone."""
    return any(env.get(name, "").isdigit() and int(env[name]) > 0 for name in _OF_A_PART)

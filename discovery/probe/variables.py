"""Environment variables of logins, by themselves: naming one loads nothing else."""

from typing import Final

SANDBOX_CACHES: Final = "CACHEMUSTER_SANDBOX_CACHES"
"""Names the file of a sandbox's caches."""

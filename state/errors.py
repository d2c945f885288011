"""How state fails. `str()` of each says what, where, what stayed unchanged and what to do next."""

from __future__ import annotations


class StateError(Exception):
    """State could not be read or written; what was acknowledged before is still there."""


class Locked(StateError):
    """Another process holds it (exit 75)."""


class NewerSchema(StateError):
    """A newer version of the program wrote it; this one leaves it alone."""


class Corrupt(StateError):
    """It is damaged, or no file of ours; it was not overwritten."""


class OnNetwork(StateError):
    """It lies on a network file system, where neither locks nor SQLite's log hold (exit 78)."""


class Unwritable(StateError):
    """It cannot be opened, created or written: permissions, a full disk, a missing directory."""


class Replaced(StateError):
    """The file, or its lock, was removed or replaced while this process worked with it."""

"""Where the registry file's errors stop: each becomes a `ControlPlaneError` with its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from discovery.control_plane.base import ControlPlaneError, Unavailable
from state.errors import Locked, StateError


class RegistryUnusable(ControlPlaneError):
    """The registry file is damaged, newer, somebody else's, read-only, or the disk is full."""

    code = "REGISTRY_UNUSABLE"


@contextmanager
def registry_faults() -> Iterator[None]:
    """A file that is in use is worth another try; any other trouble with it is not."""
    try:
        yield
    except Locked as error:
        raise Unavailable(str(error)) from error
    except StateError as error:
        raise RegistryUnusable(str(error)) from error

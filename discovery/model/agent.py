"""The program and machine that did something, as documents and history name them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True, slots=True)
class Agent:
    """A program and the machine it runs on."""

    host: str
    version: str


_VERSION = metadata.version("cachemuster")

NOBODY = Agent("", "")
"""Who recorded what is older than the record of who did."""


def this_agent() -> Agent:
    """Name this machine and this program's version."""
    return Agent(socket.gethostname(), _VERSION)

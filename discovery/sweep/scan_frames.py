"""What a process that scans and the one it scans for say to each other, on pipes.

A frame is its length in four bytes and a pickled value. Both ends are this program, of one version.
"""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discovery.aws.accounts import Identity
from discovery.aws.errors import AwsError
from discovery.config.aws import Aws
from discovery.model.values import AccountId, Scanned
from discovery.sweep.account_scan import AccountTargets, AccountTask, ScanQuery

_LENGTH_BYTES = 4
_LONGEST = 1 << 30
"""No frame is longer: bytes that are no frame are told by that, and not waited for."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open AWS as the sender has it; the first thing that is said."""

    settings: Aws
    identity: Identity


@dataclass(frozen=True, slots=True)
class Scan:
    """Scan accounts by this query from now on, and ask for nothing by another."""

    number: int
    query: ScanQuery


@dataclass(frozen=True, slots=True)
class Stop:
    """Scan no further account of that scan."""

    number: int


@dataclass(frozen=True, slots=True)
class Done:
    """An account was scanned to its end; `aws_time` is the latest date of AWS's answers."""

    account_id: AccountId
    aws_time: datetime | None


Found = Scanned | AccountTargets | Done


@dataclass(frozen=True, slots=True)
class Events:
    """What was found since the last time, in order."""

    number: int
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """AWS cannot be opened here; the process ends."""

    error: AwsError


Request = Open | Scan | AccountTask | Stop
Answer = Events | Refused


def write_frame(writer: asyncio.StreamWriter, value: Request | Answer) -> None:
    """Write a value; it is on its way at once."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    writer.write(len(content).to_bytes(_LENGTH_BYTES) + content)


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Read the next value; None at the end of the stream. Raises: what bytes of others raise."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
        if length > _LONGEST:
            raise ValueError("no frame")
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - this program's own
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

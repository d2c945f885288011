"""Statuses and engines that a cache can be registered with, and endpoints."""

from __future__ import annotations

from typing import Final, TypeGuard

from discovery.model.values import Endpoint

ENGINES: Final = ("redis", "valkey")
NEVER_REGISTERED: Final = ("creating", "deleting", "create-failed")
HAS_ENDPOINT: Final = ("available", "modifying")


def may_be_registered(status: str, engine: str) -> bool:
    """False for caches that no tag and no user can make a database of."""
    return engine.lower() in ENGINES and status not in NEVER_REGISTERED


def needs_endpoint(status: str, engine: str) -> bool:
    """True for caches that surely listen somewhere. A status that nobody knows may have none."""
    return status in HAS_ENDPOINT and may_be_registered(status, engine)


def endpoint_of(uri: str) -> Endpoint | None:
    """Parse `host:port`; None for any other text."""
    host, _, port = uri.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and is_port_number(int(port))
    return Endpoint(host, int(port)) if host and is_port else None


def is_port_number(value: object) -> TypeGuard[int]:
    """True for what a TCP port can be."""
    return isinstance(value, int) and 0 < value <= 65535

"""Connections that end without a word."""

from __future__ import annotations

import asyncio
import socket
import struct

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def reset_at_close(raw: socket.socket) -> None:
    """When the socket is closed, the other side gets a reset."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """The connection is gone at once, with what was still to be sent."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    reset_at_close(transport.get_extra_info("socket"))
    transport.abort()

"""Notify systemd of readiness, status and liveness (sd_notify(3)).

The protocol is one datagram of `NAME=value` lines to a socket, kept stable by systemd, whose manual
advises to speak it directly rather than to link libsystemd. The libraries are no better off:
`sdnotify` was last released in 2017 and knows no watchdog, `systemd-python` and `cysystemd` link
libsystemd, which a container image has no other use for.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from discovery.reports.safe_text import shortened

_MAX_STATUS_LENGTH: Final = 200


class Notifier:
    """Send notifications to systemd; does nothing without a `NOTIFY_SOCKET` that accepts them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_every = _watchdog_every(environ) if self._address else None
        """How often `watchdog` is to be called: half of what systemd waits. None: never."""

    def ready(self) -> None:
        """Report that the service has started, or has finished reloading."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows; unprintable characters are escaped."""
        self._send(f"STATUS={shortened(text, _MAX_STATUS_LENGTH)}")

    def reloading(self) -> None:
        """Report that the configuration is being reloaded; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Report that the service is alive, which restarts systemd's watchdog timer."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0)
                sock.sendto(message.encode(), self._address)
        except OSError:
            return  # gone or full: whoever listened will notice, and the service goes on


def _address(path: str) -> str | None:
    """Address of a socket in the file system, or of one in the abstract namespace (`@…`)."""
    if path.startswith("/"):
        return path
    return f"\0{path[1:]}" if path.startswith("@") and len(path) > 1 else None


def _watchdog_every(environ: Mapping[str, str]) -> timedelta | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # it is somebody else's; we have inherited the variable
    try:
        wait_us = int(environ["WATCHDOG_USEC"])
    except (KeyError, ValueError):
        return None
    return timedelta(microseconds=wait_us) / 2 if wait_us > 0 else None

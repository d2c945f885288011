"""moto's simulated AWS in a thread of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def moto_server() -> Iterator[str]:
    """moto's server on a free port of loopback; gives its URL. Skips where moto is missing."""
    why = "moto is missing: pip install --editable '.[dev]'"
    server = pytest.importorskip("moto.server", reason=why)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()

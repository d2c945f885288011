"""The adapter before a simulated Teleport that is served over real TLS on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.teleport_site import Site


@pytest.fixture
async def teleport() -> SimulatedTeleport:
    """Not served yet; a test may put another in its place."""
    return SimulatedTeleport()


@pytest.fixture
async def site(
    teleport: SimulatedTeleport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """The simulated Teleport is served, and the web side of its Proxy is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(teleport.cluster.write_web_ca(tmp_path / "web-ca.pem")))
    async with teleport.serve() as at:
        yield Site(teleport, at, tmp_path, now=lambda: datetime.now(UTC))

"""What the contract tests of the simulated Teleport share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.teleport_client import Simulation, served


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    """A cluster of the latest version, served."""
    async with served() as simulation:
        yield simulation

"""What the contract tests of the simulated Teleport share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.sandbox_teleport.client import Simulation, served


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    """A cluster of the latest version, served."""
    async with served() as simulation:
        yield simulation

"""What the contract tests of the simulated Teleport share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.sandbox_teleport.client import Rig, served


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A cluster of the latest version, served."""
    async with served() as rig:
        yield rig

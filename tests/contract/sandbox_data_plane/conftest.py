"""What the contract tests of the sandbox's caches share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.simulated_caches import DataPlane, served


@pytest.fixture
async def plane() -> AsyncIterator[DataPlane]:
    """A world with one cache and one IAM user, served."""
    async with served() as plane:
        yield plane

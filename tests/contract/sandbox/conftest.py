"""What the sandbox's contract tests share."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from discovery.sandbox.aws.timed_store import Delays
from tests.support.simulated_aws import Cloud, running

SLOW = Delays(
    creating=timedelta(minutes=1),
    modifying=timedelta(minutes=1),
    deleting=timedelta(minutes=1),
    tag_index_lag=timedelta(minutes=10),
    tag_index_memory=timedelta(hours=2),
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud in which everything happens at once."""
    with running() as cloud:
        yield cloud


@pytest.fixture
def slow_cloud() -> Iterator[Cloud]:
    """A cloud in which things take minutes of its own clock."""
    with running(SLOW) as cloud:
        yield cloud

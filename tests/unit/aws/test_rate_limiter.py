"""Waiting one's turn: the published rate is never exceeded, and not much is left unused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.aws.rate_limiter import RATES, RateLimiter


class Time:
    """Passes while somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.slow
@given(
    st.sampled_from(sorted(RATES)),
    st.lists(st.sampled_from([0.0] * 8 + [0.01, 0.1, 3.0]), min_size=80, max_size=160),
)
async def test_calls_stay_within_the_bucket(action: str, gaps_s: list[float]) -> None:
    time = Time()
    rate_limiter = RateLimiter(now_s=lambda: time.now_s, sleep=time.sleep)
    rate = RATES[action]
    level, at_s = float(rate.burst), time.now_s
    for gap_s in gaps_s:
        time.now_s += gap_s
        await rate_limiter.acquire(action)
        level = min(float(rate.burst), level + (time.now_s - at_s) * rate.per_s) - 1
        at_s = time.now_s
        assert level >= 0, "AWS's own bucket was empty"


async def test_a_long_row_takes_hardly_longer_than_it_has_to() -> None:
    time = Time()
    rate_limiter = RateLimiter(now_s=lambda: time.now_s, sleep=time.sleep)
    for _ in range(500):  # ten thousand accounts
        await rate_limiter.acquire("organizations:ListAccounts")
    assert 61 < time.now_s - 1000 < 70


async def test_actions_do_not_wait_for_each_other() -> None:
    time = Time()
    rate_limiter = RateLimiter(now_s=lambda: time.now_s, sleep=time.sleep)
    for action in RATES:
        await rate_limiter.acquire(action)
    for _ in range(1000):
        await rate_limiter.acquire("elasticache:DescribeServerlessCaches")
    assert time.now_s == 1000

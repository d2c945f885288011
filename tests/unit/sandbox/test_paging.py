"""Pages and tokens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.aws.paging import (
    START,
    ExpiredToken,
    InvalidToken,
    PageTokens,
    PagingFault,
    cut_page,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LISTING = "DescribeThings 111122223333 eu-central-1"


def read_all(items: list[str], size: int, fault: PagingFault) -> list[tuple[str, ...]]:
    mint = PageTokens()
    pages, token = [], None
    while True:
        page = cut_page(
            items,
            key=str,
            size=size,
            after=mint.read(LISTING, token, NOW) if token else START,
            token=token,
            fault=fault,
            issue=lambda last: mint.issue(LISTING, last, NOW),
        )
        pages.append(page.items)
        token = page.token
        if token is None:
            return pages


names = st.lists(st.text(min_size=1), unique=True, max_size=30).map(sorted)


@pytest.mark.slow
@given(
    names,
    st.integers(1, 10),
    st.sampled_from([PagingFault(), PagingFault(limit=1), PagingFault(limit=1, always_more=True)]),
)
def test_pages_hold_every_item_once_and_in_order(
    items: list[str], size: int, fault: PagingFault
) -> None:
    pages = read_all(items, size, fault)
    assert [item for page in pages for item in page] == items
    assert all(len(page) <= size for page in pages)
    assert len(pages) > 1 or not fault.always_more


def test_a_token_is_for_one_listing_and_some_time() -> None:
    mint = PageTokens()
    token = mint.issue(LISTING, "c05", NOW)
    assert mint.read(LISTING, token, NOW + timedelta(minutes=15)) == "c05"
    with pytest.raises(ExpiredToken):
        mint.read(LISTING, token, NOW + timedelta(minutes=16))
    with pytest.raises(InvalidToken):
        mint.read(LISTING.replace("1111", "2222"), token, NOW)
    with pytest.raises(InvalidToken):
        PageTokens().read(LISTING, token, NOW)


@given(st.text())
def test_garbage_is_no_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        PageTokens().read(LISTING, text, NOW)

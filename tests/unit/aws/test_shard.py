"""Which accounts a shard looks after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.values import AccountId
from discovery.plan.shard import Shard, parse_shard

accounts = st.from_regex(r"[0-9]{12}", fullmatch=True).map(AccountId)


@pytest.mark.slow
@given(accounts, st.integers(1, 12))
def test_every_account_has_exactly_one_shard(account_id: AccountId, count: int) -> None:
    owners = [index for index in range(count) if Shard(index, count).owns(account_id)]
    assert len(owners) == 1


@given(accounts, st.integers(1, 12))
def test_one_shard_more_moves_accounts_to_itself_only(account_id: AccountId, count: int) -> None:
    before = next(i for i in range(count) if Shard(i, count).owns(account_id))
    after = next(i for i in range(count + 1) if Shard(i, count + 1).owns(account_id))
    assert after in (before, count)


def test_the_parts_are_the_same_in_every_process_and_version() -> None:
    owned = [f"{n:012d}" for n in range(10) if Shard(1, 3).owns(AccountId(f"{n:012d}"))]
    assert owned == ["000000000000", "000000000001", "000000000003"]


def test_shards_are_of_similar_size() -> None:
    many = [AccountId(f"{n * 7919:012d}") for n in range(3000)]
    sizes = [sum(Shard(index, 3).owns(each) for each in many) for index in range(3)]
    assert min(sizes) > 900


@pytest.mark.parametrize(
    "text",
    ["", "1", "a/b", "1/0", "3/3", "-1/3", "1/3/5", " 1/3", "1/3\n", "1/1000", "ordinal/0"],
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        parse_shard(text, "cachemuster-0")


def test_a_shard_reads_as_it_is_written() -> None:
    assert str(parse_shard("2/5", "anywhere")) == "2/5"


@pytest.mark.parametrize(
    ("host", "index"),
    [
        ("cachemuster-0", 0),
        ("cachemuster-2", 2),
        ("cache-muster-7-2", 2),
        ("cachemuster-2.cachemuster.default.svc.cluster.local", 2),
    ],
)
def test_a_pod_of_a_stateful_set_knows_its_shard(host: str, index: int) -> None:
    assert parse_shard("ordinal/3", host) == Shard(index, 3)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("laptop", "the name of host laptop does not end in a hyphen and a number"),
        ("node7", "does not end in a hyphen and a number"),
        ("", "does not end in a hyphen and a number"),
        ("laptop.example-1", "does not end in a hyphen and a number"),
        ("cachemuster-3", "host cachemuster-3 has number 3, and 3/3 is no shard: .* from 0 to 2"),
    ],
)
def test_a_host_whose_name_gives_no_shard_is_told_why(host: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_shard("ordinal/3", host)

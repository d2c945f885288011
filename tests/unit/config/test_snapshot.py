"""`state.snapshot`: which objects it may name, and whose each is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from discovery.config.load import parse_config
from discovery.config.problems import ConfigError
from discovery.config.snapshot import SnapshotPlace, snapshot_for
from discovery.plan.shard import Shard

GOOD = [
    "s3://bucket/key",
    "s3://my.bucket-1/a/b=c/prod_1.db",
    "s3://bucket/prod-{shard}.db",
    "s3://bucket/{shard}",
    "s3://bucket/{shard}/state.db",
]
BAD = [
    "bucket/key",
    "https://bucket/key",
    "s3://bucket",
    "s3://bucket/",
    "s3://bucket/a/",
    "s3://bucket/{shard}/",
    "s3://bucket//a",
    "s3://bucket/a//b",
    "s3://bucket/../a",
    "s3://Bucket/key",
    "s3://b/key",
    "s3://bucket/*",
    "s3://bucket/a?b",
    "s3://bucket/a b",
    "s3://bucket/{shard}{shard}",
    "s3://bucket/{account_id}",
    "s3://bucket/clé",
    "s3://bucket/key\n",
]


def config(url: object) -> str | None:
    text = json.dumps({"version": 1, "group": "g", "state": {"snapshot": url}})
    return parse_config(text, file="c.yaml", base=Path("/etc")).state.snapshot


@pytest.mark.parametrize("url", GOOD)
def test_an_object_is_taken(url: str) -> None:
    assert config(url) == url


@pytest.mark.parametrize("url", [*BAD, 1, ["s3://bucket/key"]])
def test_anything_else_is_refused_with_an_example(url: object) -> None:
    with pytest.raises(ConfigError, match=r"state\.snapshot"):
        config(url)


def test_none_is_the_default() -> None:
    assert config(None) is None


def test_the_lease_is_beside_it() -> None:
    place = snapshot_for("s3://bucket/a/prod.db", None)
    assert place == SnapshotPlace("bucket", "a/prod.db")
    assert (str(place), place.lease) == ("s3://bucket/a/prod.db", "s3://bucket/a/prod.db.lease")


def test_each_shard_has_its_own_and_none_shares_one() -> None:
    assert snapshot_for("s3://bucket/{shard}.db", Shard(2, 3)).key == "2.db"
    with pytest.raises(ValueError, match="--shard I/N"):
        snapshot_for("s3://bucket/{shard}.db", None)
    with pytest.raises(ValueError, match=r"such as s3://bucket/a\.db-\{shard\}"):
        snapshot_for("s3://bucket/a.db", Shard(2, 3))

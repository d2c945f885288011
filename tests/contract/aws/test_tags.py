"""Which tags are believed, and which are unknown rather than none (R1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from discovery.model.codes import NoteCode, ScopeReason
from discovery.model.values import UNKNOWN, Cache, Complete, Failed, Tags
from discovery.sandbox.aws.faults import Effect
from tests.contract.aws.conftest import LONG_AGO, Site, caches_of, now, remember, result_of

BULK = {"service": "resourcegroupstaggingapi", "operation": "GetResources"}
SINGLE = {"service": "elasticache", "operation": "ListTagsForResource"}


def tags_of(cache: Cache) -> Tags:
    assert cache.tags is not UNKNOWN, cache.name
    return cache.tags


def old(site: Site, name: str, **details: object) -> object:
    """A cache that has been there for a month, with its tags in the tagging API."""
    at = now() - LONG_AGO
    return site.place().add_cache(name, created_at=at, **details)  # type: ignore[arg-type]


async def test_known_caches_come_in_bulk_and_unconfirmed(site: Site) -> None:
    known = [old(site, f"cache-{n}", tags={"n": str(n)}) for n in range(3)]
    found = caches_of(await site.scan(remembered=remember(*known)))
    assert [tags_of(found[f"cache-{n}"]).values for n in range(3)] == [
        {"n": "0"},
        {"n": "1"},
        {"n": "2"},
    ]
    assert not any(tags_of(cache).confirmed for cache in found.values())
    assert (site.asked("GetResources"), site.asked("ListTagsForResource")) == (1, 0)


async def test_bulk_has_as_many_pages_as_it_takes(site: Site) -> None:
    known = [old(site, f"cache-{n}", tags={"n": str(n)}) for n in range(150)]
    site.fault(Effect.SHORT_PAGES, page_size=40, **BULK)
    found = caches_of(await site.scan(remembered=remember(*known), users=False))
    assert all(tags_of(found[f"cache-{n}"]).values == {"n": str(n)} for n in range(150))
    assert (site.asked("GetResources"), site.asked("ListTagsForResource")) == (4, 0)


async def test_a_cache_that_was_never_seen_is_asked_itself(site: Site) -> None:
    known = [old(site, name, tags={"a": "b"}) for name in ("one", "two")]
    old(site, "new-to-us", tags={"true": "yes"})
    found = caches_of(await site.scan(remembered=remember(*known)))
    assert tags_of(found["new-to-us"]).confirmed
    assert tags_of(found["new-to-us"]).values == {"true": "yes"}
    assert not tags_of(found["one"]).confirmed


async def test_a_young_cache_is_asked_itself_although_it_is_known(site: Site) -> None:
    settled = [old(site, name, tags={"a": "b"}) for name in ("one", "two")]
    young = site.place().add_cache(
        "young", tags={"stale": "yes"}, created_at=now() - timedelta(hours=23)
    )
    site.place().tags[young.arn] = {"true": "yes"}  # the tagging API has not heard of it
    found = caches_of(await site.scan(remembered=remember(*settled, young)))
    assert tags_of(found["young"]).values == {"true": "yes"}
    assert tags_of(found["young"]).confirmed


async def test_a_recreated_cache_does_not_inherit_the_tags_of_the_dead_one(site: Site) -> None:
    before = [old(site, name, tags={"team": "old"}) for name in ("one", "two", "three")]
    site.place().add_cache("two", created_at=now() - timedelta(days=2), indexed=False)
    found = caches_of(await site.scan(remembered=remember(*before)))
    assert tags_of(found["two"]).values == {}
    assert tags_of(found["two"]).confirmed
    assert tags_of(found["one"]).values == {"team": "old"}


async def test_a_new_cache_whose_own_tags_cannot_be_read_is_unknown_never_bulk(site: Site) -> None:
    known = [old(site, name, tags={"a": "b"}) for name in ("one", "two")]
    old(site, "new-to-us", tags={"seductive": "yes"})
    site.fault(Effect.DENIED, **SINGLE)
    found = await site.scan(remembered=remember(*known))
    assert caches_of(found)["new-to-us"].tags is UNKNOWN
    assert tags_of(caches_of(found)["one"]).values == {"a": "b"}
    message = result_of(found).message
    assert "tags are unknown for 1 of 3 caches" in message
    assert "allow elasticache:ListTagsForResource" in message
    assert site.asked("ListTagsForResource") == 1, "a denied call is not tried again"


async def test_silence_of_the_tagging_api_means_nothing(site: Site) -> None:
    known = [old(site, name, tags={"a": "b"}) for name in ("one", "two")]
    bare = old(site, "never-tagged")
    lagging = old(site, "lagging", tags={"true": "yes"}, indexed=False)
    found = caches_of(await site.scan(remembered=remember(*known, bare, lagging)))
    assert tags_of(found["never-tagged"]).values == {}
    assert tags_of(found["never-tagged"]).confirmed
    assert tags_of(found["lagging"]).values == {"true": "yes"}
    assert site.asked("ListTagsForResource") == 2


async def test_the_dead_whom_the_tagging_api_remembers_are_not_found(site: Site) -> None:
    known = [old(site, name, tags={"a": "b"}) for name in ("one", "two", "gone")]
    site.place().remove_cache("gone", remembered=timedelta(hours=3))
    found = caches_of(await site.scan(remembered=remember(*known)))
    assert set(found) == {"one", "two"}


@pytest.mark.parametrize(
    "effect",
    [
        Effect.DENIED,
        Effect.THROTTLED,
        Effect.REPEATED_TOKEN,
        Effect.LATER_PAGE_FAILS,
        Effect.CUT_OFF,
        Effect.EMPTY_BODY,
        Effect.HTML,
    ],
)
async def test_bulk_that_fails_leaves_every_cache_to_be_asked_itself(
    site: Site, effect: Effect
) -> None:
    known = [old(site, name, tags={"name": name}) for name in ("one", "two")]
    site.fault(effect, **BULK)
    found = await site.scan(remembered=remember(*known))
    assert {name: tags_of(c).values for name, c in caches_of(found).items()} == {
        "one": {"name": "one"},
        "two": {"name": "two"},
    }
    assert all(tags_of(cache).confirmed for cache in caches_of(found).values())
    assert [note.code for note in result_of(found).notes] == [NoteCode.TAGS_ONE_BY_ONE]


async def test_bulk_for_another_account_fails_the_scope(site: Site) -> None:
    known = [old(site, name, tags={"name": name}) for name in ("one", "two")]
    site.fault(Effect.OTHER_ARNS, as_account="999999999999", **BULK)
    result = result_of(await site.scan(remembered=remember(*known)))
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.WRONG_ACCOUNT


async def test_a_cache_being_modified_has_unknown_tags_or_those_in_bulk(site: Site) -> None:
    known = [old(site, name, tags={"name": name}) for name in ("one", "two")]
    site.place().change_cache("two", status="modifying")
    old(site, "new-to-us", status="modifying")
    found = await site.scan(remembered=remember(*known))
    assert tags_of(caches_of(found)["two"]).values == {"name": "two"}
    assert caches_of(found)["new-to-us"].tags is UNKNOWN
    assert isinstance(result_of(found), Complete)


async def test_a_create_time_that_is_not_told_is_never_the_remembered_one(site: Site) -> None:
    known = [old(site, name, tags={"a": name}, wire={"CreateTime": None}) for name in ("a", "b")]
    found = caches_of(await site.scan(remembered=remember(*known)))
    assert all(tags_of(cache).confirmed for cache in found.values())
    assert site.asked("GetResources") == 0


async def test_caches_that_cannot_be_registered_are_not_asked(site: Site) -> None:
    old(site, "memcached", engine="memcached", tags={"a": "b"})
    for status in ("creating", "deleting", "create-failed"):
        old(site, status, status=status, tags={"a": "b"})
    found = caches_of(await site.scan())
    assert all(cache.tags is UNKNOWN for cache in found.values())
    assert {call.operation for call in site.aws.calls} == {
        "GetCallerIdentity",
        "DescribeServerlessCaches",
    }


async def test_tags_switched_off_are_empty_and_never_asked(site: Site) -> None:
    old(site, "one", tags={"a": "b"})
    found = caches_of(await site.scan(read_tags=False))
    assert tags_of(found["one"]).values == {}
    assert tags_of(found["one"]).confirmed
    assert site.asked("ListTagsForResource") == site.asked("GetResources") == 0


HOSTILE = {
    "markup": "x[/bold]y",
    "escape \u202e": "\u2066 bidi \u2069",
    "long": "x" * 256,
    "empty": "",
    "emoji 🐘": "<&>\"'",
}


async def test_tags_of_any_text_arrive_as_they_are_by_both_ways(site: Site) -> None:
    known = [old(site, name, tags=HOSTILE) for name in ("one", "two")]
    old(site, "three", tags=HOSTILE)
    found = caches_of(await site.scan(remembered=remember(*known)))
    assert [tags_of(found[name]).values for name in ("one", "two", "three")] == [HOSTILE] * 3


async def test_read_at_is_one_moment_for_the_scope(site: Site) -> None:
    for n in range(5):
        old(site, f"cache-{n}")
    found = caches_of(await site.scan())
    assert len({tags_of(cache).read_at for cache in found.values()}) == 1


@pytest.mark.parametrize(
    "effect", [Effect.DENIED, Effect.HTML, Effect.RESET, Effect.REPEATED_TOKEN, Effect.EMPTY_BODY]
)
async def test_a_call_for_each_cache_is_said_with_the_action_to_allow(
    site: Site, effect: Effect
) -> None:
    """300 caches, 300 calls in every sweep, and no word in report or log."""
    known = [old(site, f"cache-{n}", tags={"n": str(n)}) for n in range(3)]
    site.fault(effect, **BULK)
    result = result_of(await site.scan(remembered=remember(*known)))
    assert isinstance(result, Complete)
    [note] = result.notes
    assert (note.code, note.subject) == (NoteCode.TAGS_ONE_BY_ONE, "tag:GetResources")
    assert "a call for each cache" in note.message
    assert note.message == result.message
    if effect is Effect.DENIED:
        assert "allow tag:GetResources to the role" in note.message


async def test_entries_that_make_no_sense_are_said_too(site: Site) -> None:
    known = [old(site, f"cache-{n}", tags={"n": str(n)}) for n in range(3)]
    ghost = site.place().place.arn("elasticache", "serverlesscache:ghost")
    site.place().tag_index.record(ghost, {"": "b"}, visible_at=now() - LONG_AGO)
    result = result_of(await site.scan(remembered=remember(*known)))
    assert [note.code for note in result.notes] == [NoteCode.TAGS_ONE_BY_ONE]
    assert "makes no sense" in result.message


async def test_the_first_scan_asks_each_by_right(site: Site) -> None:
    for n in range(3):
        old(site, f"cache-{n}")
    site.fault(Effect.DENIED, **BULK)
    assert result_of(await site.scan()).notes == ()


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("elasticache", "ListTagsForResource", NoteCode.TAGS_UNKNOWN),
        ("elasticache", "DescribeUsers", NoteCode.USERS_UNKNOWN),
        ("elasticache", "DescribeUserGroups", NoteCode.USERS_UNKNOWN),
        ("ec2", "DescribeSubnets", NoteCode.SUBNETS_UNKNOWN),
    ],
)
@pytest.mark.parametrize("effect", [Effect.DENIED, Effect.HTML])
async def test_every_fact_that_may_not_be_read_is_noted(
    site: Site, service: str, operation: str, code: NoteCode, effect: Effect
) -> None:
    old(site, "orders")
    site.fault(effect, service=service, operation=operation)
    [note] = result_of(await site.scan()).notes
    assert (note.code, note.subject) == (code, f"{service}:{operation}")
    if effect is Effect.DENIED:
        assert f"allow {service}:{operation} to the role" in note.message

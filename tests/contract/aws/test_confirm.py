"""Just before it counts, the fact that a removal rests on is asked for once more (R3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.values import (
    UNKNOWN,
    AccountId,
    Arn,
    Cache,
    Change,
    Database,
    Region,
    ResourceName,
    Scope,
    UnknownType,
    UsersAndGroups,
)
from discovery.plan.item import Item
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.confirm import confirm_removals
from tests.contract.aws.conftest import HOME, HUB, LONG_AGO, MEMBER, Site, caches_of, now

Recheck = Callable[[Cache, UsersAndGroups | UnknownType], Reason | None]

LIVE = Database(ResourceName("registered"), {}, "", {"uri": "old:6379"})
PLANNED = Database(ResourceName("renamed"), {}, "", {"uri": "new:6379"})


def item(
    name: str,
    reason: Reason,
    *,
    action: Action = Action.DELETE,
    account_id: str = HUB,
    found: Cache | None = None,
) -> Item:
    renamed = action is Action.UPDATE
    return Item(
        scope=Scope(AccountId(account_id), Region(HOME)),
        arn=Arn(f"arn:aws:elasticache:{HOME}:{account_id}:serverlesscache:{name}"),
        cache=name,
        name=PLANNED.name if renamed else LIVE.name,
        previous_name=LIVE.name if renamed else None,
        action=action,
        reason=reason,
        message="planned",
        changes=(Change("/metadata/name", LIVE.name, PLANNED.name),) if renamed else (),
        database=PLANNED if renamed else LIVE,
        live=LIVE,
        found=found,
    )


def holding(reason: Reason | None) -> Recheck:
    return lambda _cache, _directory: reason


def never(_cache: Cache, _directory: UsersAndGroups | UnknownType) -> Reason | None:
    raise AssertionError("nothing is to be judged")


async def proven(
    site: Site,
    items: Sequence[Item],
    *,
    recheck: Recheck = never,
    rename_holds: Callable[[Cache], bool] = lambda _cache: False,
    **settings: object,
) -> list[Item]:
    async with site.cloud(**settings) as cloud:
        return list(
            await confirm_removals(items, cloud, recheck=recheck, rename_holds=rename_holds)
        )


def assert_held(result: Item, said: str) -> None:
    """The registration stays exactly as it is."""
    assert (result.action, result.reason) == (Action.HELD, Reason.PROOF_FAILED)
    assert said in result.message
    assert (result.name, result.previous_name) == (LIVE.name, None)
    assert (result.changes, result.database) == ((), LIVE)
    assert not result.removes


async def test_an_absent_cache_that_aws_does_not_know(site: Site) -> None:
    gone = item("gone", Reason.ABSENT)
    assert await proven(site, [gone]) == [gone]
    [call] = site.aws.calls.of("DescribeServerlessCaches")
    assert call.members == {"ServerlessCacheName": "gone"}
    assert call.error == "ServerlessCacheNotFoundFault"


@pytest.mark.parametrize("status", ["available", "creating", "deleting"])
async def test_an_absent_cache_that_is_there(site: Site, status: str) -> None:
    site.place().add_cache("back", status=status)
    [result] = await proven(site, [item("back", Reason.ABSENT)])
    assert_held(result, f"AWS lists it, as {status}")
    assert "delete/ABSENT" in result.message


async def test_an_answer_that_does_not_name_it_is_absence(site: Site) -> None:
    arn = f"arn:aws:elasticache:{HOME}:{HUB}:serverlesscache:other"
    site.place().add_cache("asked", wire={"ARN": arn, "ServerlessCacheName": "other"})
    gone = item("asked", Reason.ABSENT)
    assert await proven(site, [gone]) == [gone]


@pytest.mark.parametrize(
    ("effect", "details", "said"),
    [
        (Effect.DENIED, {}, "elasticache:DescribeServerlessCaches"),
        (Effect.THROTTLED, {}, "limits the rate"),
        (Effect.INTERNAL, {}, "AWS has trouble"),
        (Effect.CUT_OFF, {}, "cut short"),
        (Effect.RESET, {}, "did not reach AWS"),
        (Effect.HTML, {"status": 200}, "makes no sense"),
        (Effect.HTML, {"status": 404}, "elasticache:DescribeServerlessCaches"),
        (Effect.EMPTY_BODY, {}, "cut short"),
        (Effect.REGION_OFF, {}, "does not know these credentials"),
        (Effect.ERROR, {"code": "InvalidParameterValue"}, "InvalidParameterValue"),
        (Effect.ERROR, {"code": "ResourceNotFound", "status": 404}, "ResourceNotFound"),
        (Effect.LATENCY, {"delay_s": 300.0}, "did not answer within 3 s"),
    ],
    ids=str,
)
async def test_no_answer_is_no_absence(
    site: Site, effect: Effect, details: dict[str, object], said: str
) -> None:
    site.place().add_cache("there")
    site.fault(effect, service="elasticache", **details)
    limit = "3s" if effect is Effect.LATENCY else "60s"
    [result] = await proven(site, [item("there", Reason.ABSENT)], scope_timeout=limit)
    assert_held(result, said)


async def test_an_account_that_cannot_be_entered(site: Site) -> None:
    role = site.aws.world.account(MEMBER).add_role("cachemuster", trusted=["999999999999"])
    site.entries.append({"id": MEMBER, "role_arn": role.arn})
    mine = item("gone", Reason.ABSENT)
    theirs = item("gone", Reason.ABSENT, account_id=MEMBER)
    strangers = item("gone", Reason.ABSENT, account_id="999999999999")
    kept, held, unknown = await proven(site, [mine, theirs, strangers])
    assert kept == mine
    assert_held(held, "trust policy")
    assert_held(unknown, "not configured")


async def test_an_account_that_answers_as_another(site: Site) -> None:
    site.member()
    site.aws.world.account("333333333333")
    site.fault(Effect.OTHER_ACCOUNT, as_account="333333333333")
    [result] = await proven(site, [item("gone", Reason.ABSENT, account_id=MEMBER)])
    assert_held(result, "is not account")


@pytest.mark.parametrize("status", ["deleting", "DELETING"])
async def test_a_cache_that_is_still_being_deleted(site: Site, status: str) -> None:
    site.place().add_cache("dying", status=status)
    dying, gone = item("dying", Reason.DELETING), item("gone", Reason.DELETING)
    assert await proven(site, [dying, gone]) == [dying, gone]


async def test_a_cache_that_lives_again(site: Site) -> None:
    site.place().add_cache("phoenix")
    [result] = await proven(site, [item("phoenix", Reason.DELETING)])
    assert_held(result, "it is available now")


@pytest.mark.parametrize("reason", [Reason.UNMATCHED, Reason.EXCLUDED])
async def test_tags_are_read_by_name_and_judged_anew(site: Site, reason: Reason) -> None:
    cache = site.place().add_cache("one", tags={"env": "stale"})
    site.place().tags[cache.arn] = {"env": "dev"}
    judged: list[Cache] = []

    def recheck(fresh: Cache, directory: UsersAndGroups | UnknownType) -> Reason | None:
        judged.append(fresh)
        assert directory is UNKNOWN
        return reason

    unmatched = item("one", reason)
    assert await proven(site, [unmatched], recheck=recheck) == [unmatched]
    assert judged[0].tags is not UNKNOWN
    assert judged[0].tags.values == {"env": "dev"}
    assert judged[0].tags.confirmed
    assert site.asked("GetResources") == 0


@pytest.mark.parametrize("now_holds", [None, Reason.EXCLUDED, Reason.INELIGIBLE])
async def test_only_the_same_reason_is_a_proof(site: Site, now_holds: Reason | None) -> None:
    site.place().add_cache("one")
    planned = item("one", Reason.UNMATCHED)
    [result] = await proven(site, [planned], recheck=holding(now_holds))
    assert_held(result, now_holds.value if now_holds else "nothing speaks for its removal")


async def test_tags_that_cannot_be_read_prove_nothing(site: Site) -> None:
    site.place().add_cache("one")
    site.fault(Effect.DENIED, service="elasticache", operation="ListTagsForResource")
    [result] = await proven(site, [item("one", Reason.UNMATCHED)])
    assert_held(result, "allow elasticache:ListTagsForResource")


@pytest.mark.parametrize(
    "reason", [Reason.UNMATCHED, Reason.EXCLUDED, Reason.INELIGIBLE, Reason.UNREADY]
)
async def test_one_that_is_gone_meanwhile_is_another_case(site: Site, reason: Reason) -> None:
    [result] = await proven(site, [item("gone", reason)])
    assert_held(result, "counts it as absent")


async def test_ineligible_is_described_anew_with_the_facts_of_the_scan(site: Site) -> None:
    site.place().add_cache("one", tags={"env": "prod"})
    scanned = caches_of(await site.scan())["one"]
    site.place().change_cache("one", engine="memcached")

    def recheck(fresh: Cache, _directory: UsersAndGroups | UnknownType) -> Reason | None:
        assert (fresh.engine, fresh.tags, fresh.vpc_id) == (
            "memcached",
            scanned.tags,
            scanned.vpc_id,
        )
        return Reason.INELIGIBLE

    ineligible = item("one", Reason.INELIGIBLE, found=scanned)
    assert await proven(site, [ineligible], recheck=recheck) == [ineligible]


async def test_a_recreated_cache_takes_nothing_from_the_scan(site: Site) -> None:
    site.place().add_cache("one", tags={"env": "prod"}, created_at=now() - LONG_AGO)
    scanned = caches_of(await site.scan())["one"]
    site.place().add_cache("one", created_at=now() - timedelta(minutes=1))

    def recheck(fresh: Cache, _directory: UsersAndGroups | UnknownType) -> Reason | None:
        assert fresh.tags is UNKNOWN
        return None

    [result] = await proven(site, [item("one", Reason.INELIGIBLE, found=scanned)], recheck=recheck)
    assert_held(result, "nothing speaks for its removal")


async def test_readiness_is_judged_by_users_read_anew_once(site: Site) -> None:
    names = [f"cache-{n}" for n in range(5)]
    for name in names:
        site.place().add_cache(name, group="people")
    site.place().add_user_group("people", users=("late",))
    site.place().add_user("late")

    def recheck(_cache: Cache, directory: UsersAndGroups | UnknownType) -> Reason | None:
        assert directory is not UNKNOWN
        return None if "late" in directory.users else Reason.UNREADY

    for result in await proven(site, [item(n, Reason.UNREADY) for n in names], recheck=recheck):
        assert_held(result, "nothing speaks for its removal")
    assert site.asked("DescribeUsers") == site.asked("DescribeUserGroups") == 1


async def test_users_that_cannot_be_read_prove_nothing(site: Site) -> None:
    site.place().add_cache("one")
    site.fault(Effect.DENIED, service="elasticache", operation="DescribeUsers")
    [result] = await proven(site, [item("one", Reason.UNREADY)])
    assert_held(result, "elasticache:DescribeUsers")


async def test_configuration_needs_no_proof_and_the_rest_is_left_alone(site: Site) -> None:
    items = [
        item("one", Reason.OUT_OF_SCOPE, account_id="999999999999"),
        item("two", Reason.UNCHANGED, action=Action.KEEP),
        item("three", Reason.LABELS_CHANGED, action=Action.UPDATE),
        item("four", Reason.NEW, action=Action.CREATE),
    ]
    asked_before = len(site.aws.calls)
    assert await proven(site, items) == items
    assert len(site.aws.calls) == asked_before + 1, "only whose credentials these are"


async def test_a_rename_whose_tags_are_as_planned(site: Site) -> None:
    site.place().add_cache("one", tags={"name": "renamed"})
    scanned = caches_of(await site.scan())["one"]
    rename = item("one", Reason.RENAMED, action=Action.UPDATE, found=scanned)

    def rename_holds(fresh: Cache) -> bool:
        assert fresh.tags is not UNKNOWN
        assert fresh.tags.confirmed
        return fresh.tags.values == {"name": "renamed"}

    assert await proven(site, [rename], rename_holds=rename_holds) == [rename]
    origin = replace(rename, reason=Reason.LABELS_CHANGED, replaces=True)
    assert await proven(site, [origin], rename_holds=rename_holds) == [origin]
    site.place().set_tags(scanned.arn, {"name": "back"})
    for planned in (rename, origin):
        [result] = await proven(site, [planned], rename_holds=rename_holds)
        assert_held(result, "tags have changed")


async def test_a_rename_that_cannot_be_confirmed(site: Site) -> None:
    site.place().add_cache("one")
    scanned = caches_of(await site.scan())["one"]
    site.fault(Effect.THROTTLED, service="elasticache", operation="ListTagsForResource")
    rename = item("one", Reason.RENAMED, action=Action.UPDATE, found=scanned)
    [result] = await proven(site, [rename], rename_holds=lambda _: True)
    assert_held(result, "limits the rate")


async def test_a_registration_without_a_usable_arn(site: Site) -> None:
    nameless = replace(item("one", Reason.ABSENT), arn=None)
    [result] = await proven(site, [nameless])
    assert_held(result, "names no cache")


@pytest.mark.slow
async def test_many_at_once_stay_in_order(site: Site) -> None:
    for n in range(0, 60, 2):
        site.place().add_cache(f"cache-{n:02d}")
    results = await proven(site, [item(f"cache-{n:02d}", Reason.ABSENT) for n in range(60)])
    assert [result.cache for result in results] == [f"cache-{n:02d}" for n in range(60)]
    assert [result.action for result in results] == [Action.HELD, Action.DELETE] * 30


HOLES = [
    pytest.param(Reason.DELETING, "Status", id="deleting"),
    pytest.param(Reason.ABSENT, "Status", id="absent"),
]


@pytest.mark.parametrize(("reason", "member"), HOLES)
async def test_an_answer_with_a_hole_proves_nothing(
    site: Site, reason: Reason, member: str
) -> None:
    site.place().add_cache("odd", status="deleting", wire={member: None})
    [result] = await proven(site, [item("odd", reason)])
    assert_held(result, "no state that AWS tells")


async def test_an_exception_while_one_removal_is_proven_ends_that_proof(site: Site) -> None:
    def stumbling(cache: Cache, _directory: UsersAndGroups | UnknownType) -> Reason | None:
        if cache.name == "odd":
            raise ZeroDivisionError
        return Reason.INELIGIBLE

    for name in ("odd", "even"):
        site.place().add_cache(name)
    items = [item(name, Reason.INELIGIBLE) for name in ("odd", "even")]
    odd, even = await proven(site, items, recheck=stumbling)
    assert_held(odd, "ZeroDivisionError in test_confirm.py, line")
    assert even == items[1]


async def test_two_descriptions_of_one_cache_prove_nothing(site: Site) -> None:
    first = site.place().add_cache("odd")
    site.fault(Effect.MEMBER_CONTRADICTED, service="elasticache", member="Status")
    [result] = await proven(site, [item("odd", Reason.INELIGIBLE)])
    assert_held(result, f"it describes {first.arn} twice, and not alike")

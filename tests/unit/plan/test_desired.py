"""What a found cache is to become, before anything registered counts.

See discovery/README: Registrations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import IamVerdict, NoteCode, Reason
from discovery.model.values import UNKNOWN, Cache, Database, Endpoint, UnknownType, UsersAndGroups
from discovery.plan.desired import Blocked, Desired, Register, Skip, Undetermined, desired_for
from discovery.plan.facts import facts_of
from discovery.plan.rules import Rules
from matchers.matcher import Connect, IamUsers, Matcher
from state.records import LastVerdict, RememberedCache
from tests.support.plan_inputs import (
    READY,
    UNREADY,
    cache,
    matcher,
    name_in,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import remembered

R = Reason


def desired(
    of: Cache,
    under: Rules | None = None,
    *,
    before: RememberedCache | None = None,
    live: Database | None = None,
    users: UsersAndGroups | UnknownType = READY,
) -> Desired:
    return desired_for(facts_of(of, before, live), users, under or rules())


PUBLIC = Endpoint("orders-abc123.public.serverless.euw1.cache.amazonaws.com", 6379)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param({"engine": "memcached"}, R.ENGINE, id="memcached"),
        pytest.param({"engine": ""}, R.ENGINE, id="no-engine"),
        pytest.param({"engine": "valkeyed"}, R.ENGINE, id="an-engine-nobody-knows"),
        pytest.param({"status": "deleting"}, R.DELETING, id="deleting"),
        pytest.param({"status": "creating"}, R.CREATING, id="creating-with-an-endpoint"),
        pytest.param({"status": "create-failed"}, R.CREATE_FAILED, id="create-failed"),
        pytest.param({"endpoint": None}, R.NO_ENDPOINT, id="no-endpoint"),
        pytest.param({"endpoint": PUBLIC}, R.PUBLIC, id="public"),
        # The first that holds, in this order.
        pytest.param({"engine": "memcached", "status": "deleting"}, R.ENGINE, id="engine-first"),
        pytest.param({"status": "creating", "endpoint": None}, R.CREATING, id="then-status"),
        pytest.param({"status": "deleting", "endpoint": PUBLIC}, R.DELETING, id="then-place"),
    ],
)
def test_a_cache_that_cannot_be_registered_is_not_wanted_whatever_matches(
    facts: dict[str, Any], reason: Reason
) -> None:
    found = desired(cache(**facts))
    assert isinstance(found, Skip)
    assert found.reason is reason


@pytest.mark.parametrize(
    "facts",
    [
        {"engine": "Redis"},
        {"engine": "VALKEY"},
        {"status": "available"},
        {"status": "modifying"},
        {"status": "snapshotting"},
        {"status": "active"},
        {"status": "delete-failed"},
        {"status": ""},
        {"endpoint": Endpoint("public-1.serverless.euw1.cache.amazonaws.com", 6379)},
    ],
    ids=str,
)
def test_any_other_engine_case_status_and_host_counts_as_available(facts: dict[str, Any]) -> None:
    assert isinstance(desired(cache(**facts)), Register)


def test_public_caches_are_registered_where_configured() -> None:
    assert isinstance(desired(cache(endpoint=PUBLIC), rules(enrolls_public=True)), Register)


PROD = matcher("production", tags={"env": "prod"})
NOT_OFF = matcher("careful", exclude={"teleport": "off"})


@pytest.mark.parametrize(
    ("matchers", "tags", "reason"),
    [
        pytest.param([PROD], {"env": "dev"}, R.NO_MATCHER, id="another-value"),
        pytest.param([PROD], {}, R.NO_MATCHER, id="no-such-tag"),
        pytest.param([matcher(names="x*")], {}, R.NO_MATCHER, id="another-name"),
        pytest.param([NOT_OFF], {"teleport": "off"}, R.EXCLUDED, id="excluded"),
        pytest.param([PROD, NOT_OFF], {"teleport": "off"}, R.EXCLUDED, id="excluded-by-the-last"),
        pytest.param(
            [matcher(tags={"env": "prod"}, exclude={"teleport": "off"})],
            {"teleport": "off"},
            R.NO_MATCHER,
            id="it-would-not-match-without-the-tag-either",
        ),
        pytest.param([NOT_OFF, matcher()], {"teleport": "off"}, None, id="a-later-one-takes-it"),
        pytest.param([PROD], {"env": "prod"}, None, id="taken"),
        pytest.param([matcher(tags={"engine": "valkey"})], {}, None, id="by-a-discovery-label"),
        pytest.param(
            [matcher(tags={"region": "mars"})], {"region": "mars"}, R.NO_MATCHER, id="forged-label"
        ),
        pytest.param([matcher(tags={"cost center": "1"})], {"cost center": "1"}, None, id="no-key"),
    ],
)
def test_matchers_decide(
    matchers: list[Matcher], tags: dict[str, str], reason: Reason | None
) -> None:
    found = desired(cache(tags=tagged(tags)), rules(*matchers))
    assert (found.reason if isinstance(found, Skip) else None) is reason
    assert isinstance(found, Register) is (reason is None)


def test_without_a_matcher_no_cache_is_wanted() -> None:
    found = desired(cache(), replace(rules(), matchers=()))
    assert isinstance(found, Skip)
    assert (found.reason, found.message) == (R.NO_MATCHER, "no matcher takes it")


def test_the_first_matcher_that_takes_a_cache_wins() -> None:
    gold, silver = matcher("gold", labels={"tier": "gold"}), matcher("silver")
    found = desired(cache(), rules(PROD, gold, silver))
    assert isinstance(found, Register)
    assert (found.matcher.name, found.database.labels["tier"]) == ("gold", "gold")


# Unknown tags. A registered cache has the tags of its registration to stand in.

UNREAD = cache(tags=UNKNOWN)
OFF = matcher("elsewhere", names="x*")
STAND_INS = {"prod": tagged(env="prod"), "dev": tagged(env="dev"), "off": tagged(teleport="off")}


@pytest.mark.parametrize(
    ("matchers", "stand_in", "expected"),
    [
        pytest.param([PROD], None, Undetermined, id="never-registered-hangs-on-tags"),
        pytest.param([matcher()], None, Undetermined, id="never-registered-needs-them-as-labels"),
        pytest.param([OFF], None, R.NO_MATCHER, id="never-registered-surely-not"),
        pytest.param([PROD], "prod", Register, id="registered-and-stand-ins-say-yes"),
        pytest.param([PROD], "dev", Undetermined, id="registered-and-stand-ins-say-no"),
        pytest.param([NOT_OFF], "dev", Register, id="registered-and-not-excluded"),
        pytest.param([NOT_OFF], "off", Undetermined, id="registered-and-stand-ins-exclude"),
        pytest.param([matcher()], "dev", Register, id="registered-and-no-tag-matters"),
        pytest.param([OFF], "prod", R.NO_MATCHER, id="registered-and-surely-not"),
        pytest.param([OFF, PROD], "prod", Register, id="registered-and-the-second-says-yes"),
    ],
)
@pytest.mark.parametrize("from_memory", [True, False], ids=["remembered", "from-the-labels"])
def test_stand_in_tags_may_take_a_cache_and_never_turn_it_away(
    matchers: list[Matcher], stand_in: str | None, expected: object, from_memory: bool
) -> None:
    read = cache(tags=STAND_INS[stand_in]) if stand_in is not None else None
    found = desired(
        UNREAD,
        rules(*matchers),
        before=remembered(read) if from_memory and read is not None else None,
        live=registered(read) if read is not None else None,
    )
    assert (found.reason if isinstance(found, Skip) else type(found)) == expected
    if isinstance(expected, type):
        assert NoteCode.TAGS_UNKNOWN in [note.code for note in found.notes]


def test_an_undecided_cache_says_which_tags_it_waits_for() -> None:
    found = desired(UNREAD, rules(matcher("m", tags={"env": "prod", "team": "*"})))
    assert isinstance(found, Undetermined)
    lacking = "matcher m needs env, team, which could not be read"
    assert found.message == f"{lacking}; allow elasticache:ListTagsForResource"


# How to connect, names, users.


def connecting(arn: str, external_id: str | None = None) -> Rules:
    return rules(matcher(connect=Connect(arn, external_id)), external_ids={"env:EID": "secret"})


@pytest.mark.parametrize(
    ("arn", "filled"),
    [
        ("arn:{partition}:iam::{account_id}:role/c-{region}", "role/c-eu-west-1"),
        ("arn:aws:iam::111122223333:role/c", "role/c"),
        ("arn:aws:iam::444455556666:role/c", None),
        ("arn:aws-cn:iam::{account_id}:role/c", None),
        ("arn:aws:iam::role/c", None),
        ("", None),
    ],
)
def test_a_connect_role_is_in_the_caches_account_and_partition(
    arn: str, filled: str | None
) -> None:
    found = desired(cache(), connecting(arn))
    if filled is None:
        assert isinstance(found, Blocked)
        assert found.reason is R.CONNECT_ROLE_INVALID
        return
    assert isinstance(found, Register)
    aws = found.database.spec["aws"]
    assert aws["assume_role_arn"] == f"arn:aws:iam::111122223333:{filled}"
    assert "external_id" not in aws


def test_the_external_id_is_the_one_behind_the_reference() -> None:
    found = desired(cache(), connecting("arn:aws:iam::{account_id}:role/c", "env:EID"))
    assert isinstance(found, Register)
    assert found.database.spec["aws"]["external_id"] == "secret"


def test_an_illegal_name_by_tag_blocks_and_is_shown_escaped() -> None:
    found = desired(cache(tags=tagged(TeleportDatabaseName="my\x1bdb")))
    assert isinstance(found, Blocked)
    assert found.reason is R.NAME_INVALID
    assert "'my\\x1bdb' is no legal database name" in found.message


@pytest.mark.parametrize(
    ("of", "named_by_tag", "name"),
    [
        (cache(), True, name_in("orders")),
        (cache(tags=tagged(TeleportDatabaseName="shared")), True, "shared"),
        (cache(tags=tagged(TeleportDatabaseName="shared")), False, name_in("orders")),
    ],
)
def test_the_name_is_generated_or_the_tags(of: Cache, named_by_tag: bool, name: str) -> None:
    found = desired(of, rules(named_by_tag=named_by_tag))
    assert isinstance(found, Register)
    assert (found.name.value, found.database.name) == (name, name)


V = IamVerdict


@pytest.mark.parametrize(
    ("users", "last", "iam_users", "label", "verdict"),
    [
        (READY, V.NOT_READY, IamUsers.WARN, "ready", V.READY),
        (UNREADY, V.READY, IamUsers.WARN, "not-ready", V.NOT_READY),
        (UNKNOWN, V.READY, IamUsers.WARN, "ready", V.UNKNOWN),
        (UNKNOWN, V.NOT_READY, IamUsers.REQUIRE, "not-ready", V.UNKNOWN),
        (UNKNOWN, None, IamUsers.WARN, "unknown", V.UNKNOWN),
        (UNREADY, V.READY, IamUsers.IGNORE, "unknown", None),
    ],
)
def test_the_iam_label_changes_on_complete_evidence_only(
    users: UsersAndGroups | UnknownType,
    last: IamVerdict | None,
    iam_users: IamUsers,
    label: str,
    verdict: IamVerdict | None,
) -> None:
    before = remembered(cache(), iam=last and LastVerdict(last))
    found = desired(cache(), rules(matcher(iam_users=iam_users)), before=before, users=users)
    assert isinstance(found, Register)
    assert found.database.labels["cachemuster/iam-auth"] == label
    assert (found.iam.verdict if found.iam is not None else None) is verdict
    told = NoteCode.USERS_UNKNOWN in [note.code for note in found.notes]
    assert told is (verdict is V.UNKNOWN)


def test_a_vpc_that_stands_in_from_the_label_turns_nothing_away() -> None:
    live = registered(labels={"vpc-id": "vpc-forged"})
    found = desired(cache(vpc_id=UNKNOWN), rules(matcher(tags={"vpc-id": "vpc-1"})), live=live)
    assert not isinstance(found, Skip)

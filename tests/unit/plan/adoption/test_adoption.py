"""What taking over and letting go of one resource means: pure, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.codes import Action, IamVerdict, Reason, ScopeReason
from discovery.model.ownership import CacheArn, NotOurs, owner_of, parse_cache_arn
from discovery.model.values import UNKNOWN, Cache, Database, ResourceName, Scanned, UsersAndGroups
from discovery.plan.adoption.adoption import adoption, unseen
from discovery.plan.adoption.identify import scope_filter_for
from discovery.plan.adoption.release import keep_unwanted, release
from discovery.plan.adoption.transfer import Obstacle, Refused, Transfer, is_same
from discovery.plan.inputs import observe
from discovery.plan.item import Item
from discovery.plan.open_intents import classify_open_intents, state_after_closing
from discovery.plan.resource import address_of, changes_between
from discovery.plan.rules import Rules
from discovery.plan.targets import ScopeFilter
from matchers.matcher import IamUsers
from matchers.selectors import Pattern
from state.records import Intent, IntentKind, OpenIntent, RememberedState
from tests.support.plan_inputs import (
    ABROAD,
    ACCOUNT,
    EAST,
    GROUP,
    READY,
    UNREADY,
    WEST,
    arn_of,
    cache,
    complete,
    failed,
    foreign,
    matcher,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import NOW, inherited, journaled, make_state, remembered, removed

ORDERS = cache()
NAME = name_in("orders")
OURS = ("managed-by", "cachemuster/group", "cachemuster/arn", "cachemuster/iam-auth")
DISCOVERED = {
    "teleport.dev/origin": "cloud",
    "teleport.internal/discovery-group-name": "g1",
    "teleport.internal/discovery-config-name": "dc1",
}


def theirs(of: Cache = ORDERS, **more: Any) -> Database:
    """What stands there for a cache without being anybody's here."""
    made = registered(of, without=OURS, labels=more.pop("labels", {}))
    return replace(made, **more)


def staging(**more: Any) -> Database:
    """What another group has registered for the cache."""
    return registered(ORDERS, labels={"cachemuster/group": "staging"}, **more)


def spec(of: Database, uri: str | None = None, **aws: Any) -> dict[str, Any]:
    """The spec with another URI, or with other values in `aws`; None takes one out."""
    merged = {**of.spec["aws"], **aws}
    kept = {key: value for key, value in merged.items() if value is not None}
    return {**of.spec, "uri": uri or of.uri, "aws": kept}


def adopted(
    *listed: Database,
    caches: tuple[Cache, ...] = (ORDERS,),
    under: Rules | None = None,
    name: str | None = NAME,
    from_group: str | None = None,
    users: UsersAndGroups = READY,
    instead: tuple[Scanned, ...] = (),
    known: RememberedState | None = None,
) -> Transfer:
    used = under or rules()
    at = plan_input(*caches, listed=listed, users=users, instead=instead, known=known)
    observed = observe(at, used)
    return adoption(
        observed, used, name=ResourceName(name) if name else None, from_group=from_group
    )


def one(transfer: Transfer) -> Item:
    assert not transfer.refused, transfer.refused
    (item,) = transfer.items
    return item


def refusal(transfer: Transfer) -> Refused:
    assert not transfer.items, transfer.items
    (refused,) = transfer.refused
    return refused


class TestTakenOver:
    def test_a_foreign_one_becomes_what_a_sweep_registers(self) -> None:
        item = one(adopted(theirs()))
        assert item.database == registered()
        assert (item.action, item.reason, item.replaces) == (
            Action.UPDATE,
            Reason.LABELS_CHANGED,
            False,
        )
        assert item.arn == ORDERS.arn
        assert {change.field for change in item.changes} == {
            f"/metadata/labels/{key.replace('/', '~1')}" for key in OURS
        }

    def test_the_next_sweep_has_nothing_to_do(self) -> None:
        item = one(adopted(theirs(labels=DISCOVERED, description="theirs")))
        assert item.database is not None
        after = only(plan_of(plan_input(ORDERS, listed=[item.database])))
        assert (after.action, after.reason) == (Action.KEEP, Reason.UNCHANGED)

    def test_settings_that_we_have_none_for_stay(self) -> None:
        live = theirs(metadata={"expires": "2027-01-01T00:00:00Z"})
        live = replace(
            live,
            spec={**live.spec, "tls": {"server_name": "x"}, "admin_user": {"name": "a"}},
            revision="r1",
            opaque=b"raw",
        )
        item = one(adopted(live))
        assert item.database is not None
        assert item.database.spec["tls"] == {"server_name": "x"}
        assert item.database.spec["admin_user"] == {"name": "a"}
        assert item.database.metadata == live.metadata
        assert (item.database.revision, item.database.opaque) == ("r1", b"raw")

    def test_labels_become_ours_as_a_whole_but_for_those_kept(self) -> None:
        live = theirs(labels={"team": "x", "note": "y"})
        item = one(adopted(live, under=rules(keep_labels=(Pattern("note"),))))
        assert item.database is not None
        assert item.database.labels["note"] == "y"
        assert "team" not in item.database.labels

    def test_from_the_discovery_service_it_is_made_anew(self) -> None:
        item = one(adopted(theirs(labels=DISCOVERED)))
        assert item.replaces
        assert item.database is not None
        assert item.database.labels["teleport.dev/origin"] == "dynamic"
        assert not any("discovery-" in key for key in item.database.labels if "internal" in key)
        assert "Discovery Service, group g1; deleted and created again" in item.message

    def test_with_our_own_origin_cloud_it_is_not(self) -> None:
        item = one(adopted(theirs(labels=DISCOVERED), under=rules(origin="cloud")))
        assert not item.replaces
        assert item.database is not None
        assert item.database.labels["teleport.internal/discovery-group-name"] == GROUP

    @pytest.mark.parametrize(
        ("origin", "group", "refused"),
        [("cloud", GROUP, True), ("cloud", "g1", False), ("dynamic", GROUP, False)],
    )
    def test_what_the_discovery_service_would_still_own_is_refused(
        self, origin: str, group: str, refused: bool
    ) -> None:
        live = theirs(labels={**DISCOVERED, "teleport.internal/discovery-group-name": group})
        transfer = adopted(live, under=rules(origin=origin))
        codes = [each.code for each in transfer.refused]
        assert codes == ([Obstacle.SAME_DISCOVERY_GROUP] if refused else [])

    def test_another_groups_is_taken_only_by_its_name(self) -> None:
        assert refusal(adopted(staging())).code is Obstacle.OTHER_GROUP
        assert refusal(adopted(staging(), from_group="test")).code is Obstacle.OTHER_GROUP
        item = one(adopted(staging(), from_group="staging"))
        assert [(change.old, change.new) for change in item.changes] == [("staging", GROUP)]
        assert item.message == "taken over from the cachemuster group staging"

    def test_a_name_of_its_own_is_kept_by_a_tag(self) -> None:
        plain = theirs(name=ResourceName("orders-db"))
        assert refusal(adopted(plain, name="orders-db")).code is Obstacle.OTHER_NAME
        named = cache(tags=tagged(TeleportDatabaseName="orders-db"))
        assert one(adopted(plain, caches=(named,), name="orders-db")).name == "orders-db"


HOST = "orders-abc123.serverless.euw1.cache.amazonaws.com"
BY_URI: list[Any] = [
    pytest.param({}, f"{HOST}:6379", id="says-it-all"),
    pytest.param({"elasticache_serverless": None}, f"{HOST}:6379", id="no-cache-name"),
    pytest.param({"account_id": None}, f"{HOST}:6379", id="no-account"),
    pytest.param(
        {"account_id": None, "region": None, "elasticache_serverless": None},
        f"rediss://{HOST.upper()}:6379?mode=cluster",
        id="by-its-uri-alone",
    ),
    pytest.param({"elasticache_serverless": None}, HOST, id="the-usual-port"),
]


@pytest.mark.parametrize(("aws", "uri"), BY_URI)
def test_the_cache_is_found_by_what_the_resource_says_or_by_its_uri(
    aws: Mapping[str, Any], uri: str
) -> None:
    live = theirs()
    item = one(adopted(replace(live, spec=spec(live, uri, **aws))))
    assert item.arn == ORDERS.arn
    assert item.database is not None
    assert item.database.spec == registered().spec


CARTS = cache("carts")
CARTS_URI = "carts-abc123.serverless.euw1.cache.amazonaws.com:6379"
DISAGREEMENTS: list[Any] = [
    pytest.param(lambda d: spec(d, CARTS_URI), Obstacle.URI_DISAGREES, id="uri-of-another"),
    pytest.param(lambda d: spec(d, "old.example.com:6379"), Obstacle.URI_DISAGREES, id="stale-uri"),
    pytest.param(
        lambda d: spec(d, elasticache_serverless={"cache_name": "carts"}),
        Obstacle.URI_DISAGREES,
        id="name-of-another",
    ),
    pytest.param(
        lambda d: spec(d, region="us-east-1"), Obstacle.URI_DISAGREES, id="another-region"
    ),
    pytest.param(
        lambda d: spec(d, "a:1", elasticache_serverless={"cache_name": "gone"}),
        Obstacle.NO_SUCH_CACHE,
        id="no-such-cache",
    ),
    pytest.param(
        lambda d: {"protocol": "postgres", "uri": "db.example.com:5432"},
        Obstacle.NO_SUCH_CACHE,
        id="no-cache-at-all",
    ),
    pytest.param(
        lambda d: spec(d, "a:1", account_id=ABROAD.account_id),
        Obstacle.OUT_OF_SCOPE,
        id="another-account",
    ),
]


@pytest.mark.parametrize(("change", "code"), DISAGREEMENTS)
def test_what_disagrees_is_refused(
    change: Callable[[Database], dict[str, Any]], code: Obstacle
) -> None:
    live = theirs()
    refused = refusal(adopted(replace(live, spec=change(live)), caches=(ORDERS, CARTS)))
    assert refused.code is code, refused


def test_a_group_whose_arn_label_names_another_cache_is_refused() -> None:
    live = staging()
    live = replace(live, labels={**live.labels, "cachemuster/arn": arn_of("carts")})
    transfer = adopted(live, caches=(ORDERS, CARTS), from_group="staging")
    assert refusal(transfer).code is Obstacle.URI_DISAGREES


TWO = rules(matcher("carts", names="carts"))
REQUIRE = rules(matcher(iam_users=IamUsers.REQUIRE))
STANDINGS: list[Any] = [
    pytest.param({"name": "nobody"}, Obstacle.NOT_FOUND, id="not-there"),
    pytest.param({"under": TWO}, Obstacle.NOT_WANTED, id="no-matcher-takes-it"),
    pytest.param(
        {"caches": (cache(status="deleting"),)}, Obstacle.NOT_WANTED, id="aws-deletes-the-cache"
    ),
    pytest.param({"caches": (cache(tags=UNKNOWN),)}, Obstacle.TAGS_UNKNOWN, id="tags-unread"),
    pytest.param({"under": REQUIRE, "users": UNREADY}, Obstacle.IAM_NOT_READY, id="nobody-can-in"),
    pytest.param({"instead": (failed(WEST),)}, Obstacle.SCOPE_UNREAD, id="scope-unread"),
]


@pytest.mark.parametrize(("more", "code"), STANDINGS)
def test_what_a_sweep_would_not_keep_is_refused(more: dict[str, Any], code: Obstacle) -> None:
    assert refusal(adopted(theirs(), **more)).code is code


def test_a_ready_cache_of_a_matcher_that_requires_users_is_taken() -> None:
    assert one(adopted(theirs(), under=REQUIRE)).iam is not None


def test_an_unread_scope_hides_what_has_only_a_uri() -> None:
    live = theirs()
    bare = replace(live, spec={"protocol": "redis", "uri": live.uri})
    refused = refusal(adopted(bare, caches=(), instead=(failed(EAST, ScopeReason.THROTTLED),)))
    assert refused.code is Obstacle.SCOPE_UNREAD
    assert str(EAST) in refused.message


def test_ours_is_not_taken_twice() -> None:
    known = make_state(registrations=[journaled(registered())])
    assert refusal(adopted(registered(), known=known)).code is Obstacle.ALREADY_OURS
    odd = registered(labels={"cachemuster/arn": arn_of("carts")})
    assert refusal(adopted(odd)).code is Obstacle.IDENTITY_MISMATCH
    copy = theirs(name=ResourceName("copy"))
    refused = refusal(adopted(registered(), copy, name="copy"))
    assert refused.code is Obstacle.ALREADY_REGISTERED


OURS_TO_CLAIM = [
    pytest.param({}, id="unknown-to-state"),
    pytest.param({"registrations": [inherited(registered())]}, id="never-matched"),
    pytest.param({"removed": [removed(registered(), "r0")]}, id="removed-and-stands-again"),
]


@pytest.mark.parametrize("known", OURS_TO_CLAIM)
@pytest.mark.parametrize("caches", [(ORDERS,), ()], ids=["found", "gone"])
@pytest.mark.parametrize("tag", ["*", "prod"], ids=["matched", "not-matched"])
def test_one_of_our_group_that_another_made_is_taken_without_a_change(
    known: dict[str, Any], caches: tuple[Cache, ...], tag: str
) -> None:
    live = registered(revision="r1")
    under = rules(matcher(tags={"env": tag}))
    item = one(adopted(live, caches=caches, under=under, known=make_state(**known)))
    assert (item.name, item.arn, item.changes) == (live.name, ORDERS.arn, ())
    assert item.database == item.live == live


def test_a_second_registration_of_a_cache_is_not_taken() -> None:
    """Neither is what stands in the name of another cache, when all is to be taken."""
    copy = registered(name="copy")
    refused = refusal(adopted(registered(), copy, name="copy"))
    assert refused.code is Obstacle.ALREADY_REGISTERED
    assert adopted(registered(CARTS, name=NAME), name=None) == Transfer()


class TestAll:
    def test_it_takes_what_stands_in_a_computed_name_with_its_uri(self) -> None:
        elsewhere = theirs(CARTS, name=ResourceName("by-hand"))
        found = adopted(theirs(), elsewhere, foreign("other"), caches=(ORDERS, CARTS), name=None)
        assert [item.name for item in found.items] == [NAME]
        assert found.refused == ()

    def test_what_stands_there_for_another_cache_is_refused(self) -> None:
        wrong = theirs(CARTS, name=NAME)
        found = adopted(wrong, caches=(ORDERS, CARTS), name=None)
        assert refusal(found).code is Obstacle.OTHER_NAME

    def test_a_name_in_other_case_is_refused(self) -> None:
        odd = theirs(name=ResourceName(NAME.upper()))
        assert refusal(adopted(odd, name=None)).code is Obstacle.OTHER_NAME

    def test_a_group_is_renamed(self) -> None:
        carts = registered(CARTS, labels={"cachemuster/group": "staging"})
        found = adopted(staging(), carts, caches=(ORDERS, CARTS), name=None, from_group="staging")
        assert [item.cache for item in found.items] == ["carts", "orders"]
        assert adopted(staging(), name=None) == Transfer()
        assert adopted(theirs(), name=None, from_group="staging") == Transfer()

    def test_unwanted_caches_and_registered_ones_are_no_question(self) -> None:
        assert adopted(theirs(), under=TWO, name=None) == Transfer()
        assert adopted(registered(), name=None) == Transfer()


def test_what_cannot_be_seen_comes_with_what_the_cache_is_to_become() -> None:
    observed = observe(plan_input(ORDERS), rules())
    refused = unseen(NAME, observed)
    assert (refused.code, refused.wanted) == (Obstacle.NOT_VISIBLE, registered())
    assert unseen(ResourceName("other"), observed).wanted is None


def test_a_plan_is_the_same_until_the_resource_or_its_cache_changes() -> None:
    planned = one(adopted(theirs()))
    assert is_same(planned, one(adopted(theirs(revision="r2"))))
    assert not is_same(planned, one(adopted(theirs(labels={"x": "y"}))))
    assert not is_same(planned, one(adopted(theirs(), caches=(cache(tags=tagged(env="dev")),))))
    assert not is_same(planned, None)


class TestWhereToLook:
    def test_in_the_scope_that_it_names(self) -> None:
        assert scope_filter_for(theirs(), RememberedState()) == ScopeFilter(only=(WEST,))

    def test_where_a_cache_was_last_seen_at_its_uri(self) -> None:
        bare = theirs(spec={"protocol": "redis", "uri": ORDERS.endpoint.uri})  # type: ignore[union-attr]
        known = RememberedState(caches={ORDERS.arn: remembered(ORDERS)})
        assert scope_filter_for(bare, known) == ScopeFilter(only=(WEST,))
        assert scope_filter_for(bare, RememberedState()) == ScopeFilter()

    @pytest.mark.parametrize("account", ["", "12", "11112222333x", f"{ACCOUNT}/x"])
    def test_everywhere_when_what_it_names_is_no_scope(self, account: str) -> None:
        live = theirs()
        assert (
            scope_filter_for(replace(live, spec=spec(live, account_id=account)), RememberedState())
            == ScopeFilter()
        )


@given(st.text(max_size=40))
def test_any_uri_has_an_address_that_ends_in_a_port(uri: str) -> None:
    assert address_of(uri).rpartition(":")[2].isdigit()


@given(
    scheme=st.sampled_from(["", "redis://", "rediss://"]),
    port=st.integers(1, 65535),
    mode=st.sampled_from(["", "?mode=cluster", "?mode=standalone", "/"]),
)
def test_every_form_of_a_uri_has_the_address_that_aws_tells(
    scheme: str, port: int, mode: str
) -> None:
    assert address_of(f"{scheme}{HOST.title()}:{port}{mode}") == f"{HOST}:{port}"


class TestRelease:
    def test_our_labels_go_and_everything_else_stays(self) -> None:
        live = registered(spec={"tls": {"server_name": "x"}}, labels={"team": "x"})
        item = one(release([live], GROUP, live.name))
        assert item.database == replace(
            live, labels={key: live.labels[key] for key in live.labels if key not in OURS}
        )
        assert owner_of(item.database, GROUP) is NotOurs.FOREIGN
        assert not item.removes
        assert (item.arn, item.scope, item.cache) == (ORDERS.arn, WEST, "orders")

    def test_with_origin_cloud_no_discovery_service_gets_it(self) -> None:
        live = registered(under=rules(origin="cloud"))
        item = one(release([live], GROUP, live.name))
        assert item.database is not None
        assert item.database.labels["teleport.internal/discovery-group-name"] == GROUP

    def test_released_and_adopted_again_it_is_as_it_was(self) -> None:
        released = one(release([registered()], GROUP, NAME)).database
        assert released is not None
        again = one(adopted(released)).database
        assert again is not None
        assert changes_between(again, registered()) == ()

    @pytest.mark.parametrize(
        ("live", "code"),
        [
            pytest.param(theirs(), Obstacle.NOT_OURS, id="foreign"),
            pytest.param(staging(), Obstacle.NOT_OURS, id="another-groups"),
            pytest.param(
                registered(labels={"cachemuster/arn": "nonsense"}),
                Obstacle.IDENTITY_MISMATCH,
                id="disagrees-with-itself",
            ),
            pytest.param(foreign("other"), Obstacle.NOT_FOUND, id="not-there"),
        ],
    )
    def test_what_is_not_ours_is_refused(self, live: Database, code: Obstacle) -> None:
        assert refusal(release([live], GROUP, NAME)).code is code

    def test_the_sweep_after_shows_a_conflict(self) -> None:
        released = one(release([registered()], GROUP, NAME)).database
        assert released is not None
        after = only(plan_of(plan_input(ORDERS, listed=[released])))
        assert (after.action, after.reason) == (Action.CONFLICT, Reason.FOREIGN)


ARN = parse_cache_arn(ORDERS.arn)
OFF = matcher(exclude={"teleport": "off"})
WAYS: list[Any] = [
    pytest.param((OFF,), "Key=teleport,Value=off", False, id="by-the-tag-that-excludes"),
    pytest.param((OFF, matcher("b", exclude={"x": "y"})), "Key=teleport", True, id="none-shared"),
    pytest.param((matcher(),), "Key=teleport,Value=off", True, id="none-configured"),
    pytest.param((matcher(exclude={"env": "t*"}),), "Key=teleport", True, id="only-a-glob"),
]


@pytest.mark.parametrize(("matchers", "tag", "also_configure"), WAYS)
def test_how_a_cache_is_kept_from_being_wanted(
    matchers: Any, tag: str, also_configure: bool
) -> None:
    assert isinstance(ARN, CacheArn)
    advice, command = keep_unwanted(ARN, matchers)
    assert tag in command
    assert command.startswith("aws elasticache add-tags-to-resource")
    assert ("exclude_tags" in advice) is also_configure


INTERRUPTED: list[Any] = [
    pytest.param(IntentKind.ADOPT, [registered()], True, id="adopted"),
    pytest.param(IntentKind.ADOPT, [theirs()], False, id="not-yet-adopted"),
    pytest.param(IntentKind.ADOPT, [], False, id="half-recreated"),
    pytest.param(IntentKind.RELEASE, [theirs()], True, id="released"),
    pytest.param(IntentKind.RELEASE, [registered()], False, id="not-yet-released"),
]


@pytest.mark.parametrize(("kind", "listed", "landed"), INTERRUPTED)
def test_a_crash_in_between_is_looked_up_by_the_next_sweep(
    kind: IntentKind, listed: list[Database], landed: bool
) -> None:
    intent = Intent(
        sweep_id="s",
        kind=kind,
        action=Action.UPDATE,
        reason=Reason.LABELS_CHANGED,
        arn=ORDERS.arn,
        scope=WEST,
        name=NAME,
        previous_name=None,
        database=registered(),
        at=NOW,
    )
    assert not intent.counts_as_removal
    known = classify_open_intents([OpenIntent(intent_id=1, intent=intent)], listed, GROUP)
    assert (len(known.landed), len(known.abandoned)) == ((1, 0) if landed else (0, 1))
    remembers = NAME in state_after_closing(RememberedState(), known, NOW).registrations
    assert remembers is (landed and kind is IntentKind.ADOPT)


def test_users_that_cannot_be_read_leave_the_verdict_unknown() -> None:
    survey_instead = (complete(WEST, ORDERS, users=UNKNOWN),)
    item = one(adopted(theirs(), instead=survey_instead))
    assert item.iam is not None
    assert item.iam.verdict is IamVerdict.UNKNOWN

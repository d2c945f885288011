"""What holds for the judgement on any cache, group and users that AWS may ever describe."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import (
    UNKNOWN,
    CacheUser,
    Endpoint,
    KnownCache,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.finding_table import FINDINGS
from discovery.plan.iam.verdict import MOST_NAMED, iam_verdict
from tests.support.pure_cloud import NOW, SCOPES, arn_of, mostly

pytestmark = pytest.mark.slow

F, V = FindingCode, IamVerdict
GROUP = "people"
IDS = ("ann", "bob", "cy", "default", "default.iam-user", "people-default", "teleport-people")
STATUSES = ("active", "active", "modifying", "deleting", "creating", "", "never-heard-of")
ENGINES = ("valkey", "redis", "Valkey", "REDIS", "")
ACCESS = ("on ~* +@all", "off ~*", "~* +@all", "", "on off", "off ~* on")

SOME_ID = st.sampled_from(IDS)
ANY_ID = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["-x", "--region", "file:///etc/passwd", "[1]", "'; id #", "$(id)", "a\nb", "\x1b[2J", "a\\"]
)


@st.composite
def users(draw: st.DrawFn, user_id: str) -> CacheUser:
    return CacheUser(
        user_id=user_id,
        user_name=draw(mostly(user_id, "default", "ann", "Somebody")),
        status=draw(mostly("active", *STATUSES)),
        engine=draw(mostly("redis", *ENGINES)),
        access_string=draw(mostly("on ~* +@all", *ACCESS)),
        authentication=draw(st.sampled_from(["iam", "iam", "iam", "password", "no-password", ""])),
    )


@st.composite
def directories(draw: st.DrawFn, ids: st.SearchStrategy[str] = SOME_ID) -> UsersAndGroups:
    listed = draw(st.lists(ids, unique=True, max_size=7))
    member = st.lists(st.sampled_from(listed) | ids if listed else ids, max_size=5)
    group = UserGroup(
        group_id=draw(st.sampled_from([GROUP, GROUP, "default.people"])),
        status=draw(mostly("active", *STATUSES)),
        engine=draw(mostly("redis", *ENGINES)),
        user_ids=tuple(draw(member)),
        pending_add=tuple(draw(st.just([]) | member)),
        pending_remove=tuple(draw(st.just([]) | member)),
    )
    others = draw(st.sampled_from([True, True, True, False]))
    return UsersAndGroups(
        groups={group.group_id: group} if others else {},
        users={user_id: draw(users(user_id)) for user_id in listed},
        read_at=NOW,
    )


def host(*, public: bool) -> Endpoint:
    kind = "public.serverless" if public else "serverless"
    return Endpoint(f"orders-abc123.{kind}.euc1.cache.amazonaws.com", 6379)


@st.composite
def caches(draw: st.DrawFn, group_id: str | None) -> KnownCache:
    name = draw(st.sampled_from(["orders", "o" * 40, "people"]))
    scope = SCOPES[0]
    assert scope.region is not None
    return KnownCache(
        arn=arn_of(scope, name),
        partition="aws",
        account_id=scope.account_id,
        region=scope.region,
        name=name,
        status=draw(mostly("available", "modifying")),
        engine=draw(st.sampled_from(["valkey", "redis", "Redis"])),
        engine_version=draw(mostly("8.1", "7.0", "6.2", "", "odd")),
        endpoint=host(public=draw(st.booleans())),
        created_at=NOW,
        user_group_id=group_id,
    )


@st.composite
def situations(
    draw: st.DrawFn, ids: st.SearchStrategy[str] = SOME_ID
) -> tuple[KnownCache, UsersAndGroups]:
    directory = draw(directories(ids))
    attached = next(iter(directory.groups), draw(ids))
    return draw(caches(draw(mostly(attached, attached, None)))), directory


# -- the rules of the reference, told another way ------------------------------------------------


def may_log_in(user: CacheUser, group: UserGroup) -> bool:
    """The rules of aws/README: Users and groups, one line each."""
    says = [rule for rule in user.access_string.split() if rule in ("on", "off")]
    return (
        user.user_id in group.user_ids
        and user.user_id not in (*group.pending_add, *group.pending_remove)
        and user.status in ("active", "modifying")
        and user.authentication == "iam"
        and user.user_name == user.user_id
        and says[-1:] == ["on"]
        and not (user.engine.lower() == "valkey" and group.engine.lower() != "valkey")
    )


def group_works(cache: KnownCache, group: UserGroup) -> bool:
    fits = not (group.engine.lower() == "valkey" and cache.engine.lower() != "valkey")
    return group.status not in ("creating", "deleting") and fits


def old(cache: KnownCache) -> bool:
    oldest = {"redis": (7, 0), "valkey": (7, 2)}[cache.engine.lower()]
    numbers = re.findall(r"\d+", cache.engine_version)
    return bool(numbers) and tuple(map(int, numbers)) < oldest


@given(situations())
def test_ready_is_when_some_member_passes_every_check(
    case: tuple[KnownCache, UsersAndGroups],
) -> None:
    cache, directory = case
    judged = iam_verdict(cache, directory)
    group = directory.groups.get(cache.user_group_id or "")
    who: tuple[str, ...] = ()
    if group is not None and group_works(cache, group) and not old(cache):
        passing = (user.user_id for user in directory.users.values() if may_log_in(user, group))
        who = tuple(sorted(passing))
    assert judged.users == who
    assert (judged.verdict is V.READY) == bool(who)


@given(situations())
def test_not_ready_is_when_a_blocker_says_why(case: tuple[KnownCache, UsersAndGroups]) -> None:
    judged = iam_verdict(*case)
    blockers = [each.code for each in judged.findings if each.severity is Severity.BLOCKER]
    assert len(blockers) == (judged.verdict is V.NOT_READY)
    unread = [each for each in judged.findings if each.code is F.USERS_UNREADABLE]
    assert len(unread) == (judged.verdict is V.UNKNOWN)


@given(situations())
def test_what_was_not_read_is_unknown_unless_the_cache_says_enough(
    case: tuple[KnownCache, UsersAndGroups],
) -> None:
    cache, _ = case
    judged = iam_verdict(cache, UNKNOWN)
    enough = cache.user_group_id is None or old(cache)
    assert judged.verdict is (V.NOT_READY if enough else V.UNKNOWN)
    assert (judged.as_of, judged.users) == (None, ())


@given(situations(), st.randoms())
def test_the_order_in_which_aws_tells_is_no_matter(
    case: tuple[KnownCache, UsersAndGroups], any_: Any
) -> None:
    cache, directory = case

    def shuffled(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(any_.sample(values, len(values)))

    def turned(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return dict(any_.sample(list(mapping.items()), len(mapping)))

    groups = {
        group_id: replace(
            group,
            user_ids=shuffled(group.user_ids),
            pending_add=shuffled(group.pending_add),
            pending_remove=shuffled(group.pending_remove),
        )
        for group_id, group in directory.groups.items()
    }
    other = UsersAndGroups(turned(groups), turned(directory.users), NOW)
    assert iam_verdict(cache, other) == iam_verdict(cache, directory)


@given(situations())
def test_each_finding_once_few_strangers_one_default_user(
    case: tuple[KnownCache, UsersAndGroups],
) -> None:
    cache, _ = case
    findings = iam_verdict(*case).findings
    told = Counter((each.code, each.subject) for each in findings)
    assert set(told.values()) <= {1}
    by_code = Counter(each.code for each in findings)
    assert by_code[F.USER_NOT_IN_GROUP] <= MOST_NAMED
    assert by_code[F.DEFAULT_USER_OPEN] + by_code[F.DEFAULT_USER_UNREPLACED] <= 1
    public = cache.endpoint is not None and cache.endpoint.is_public
    assert all(each.severity is FINDINGS[each.code].severity_of(public=public) for each in findings)


# -- the commands --------------------------------------------------------------------------------

COMMENT = re.compile(r"# [a-z0-9 ,:+@-]{1,64}")


def ids_in(case: tuple[KnownCache, UsersAndGroups]) -> set[str]:
    cache, directory = case
    members = {
        each
        for group in directory.groups.values()
        for each in (group.group_id, *group.user_ids, *group.pending_add)
    }
    return {cache.name, cache.user_group_id or "", *directory.users, *members}


@given(situations(ANY_ID))
def test_every_line_is_one_aws_elasticache_command_whatever_ids_hold(
    case: tuple[KnownCache, UsersAndGroups],
) -> None:
    cache, _ = case
    for finding in iam_verdict(*case).findings:
        account, *lines = finding.repair
        assert account == f"# account {cache.account_id}"
        assert any(not line.startswith("#") for line in lines)
        for line in lines:
            assert line.isascii()
            assert line.isprintable()
            if line.startswith("#"):
                assert COMMENT.fullmatch(line)
            else:
                check_command(line, case)


def check_command(line: str, case: tuple[KnownCache, UsersAndGroups]) -> None:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    assert words == shlex.split(line), "nothing stands outside quotes that a shell acts on"
    assert words[:2] == ["aws", "elasticache"]
    assert words[words.index("--region") + 1] == case[0].region
    assert "+@all" not in line
    assert set(re.findall(r"""'[^']*'|("[^"]*")""", line)) <= {"", '"\'"'}
    bare = re.sub(r"""'[^']*'|"'\"""", "", line)
    assert not set("`$\"'") & set(bare), "what a shell reads stands in single quotes"
    if "--cli-input-json" in words:
        said = json.loads(words[words.index("--cli-input-json") + 1])
        values = [v for each in said.values() for v in (each if isinstance(each, list) else [each])]
    else:
        values = words[3:]
        assert not any(value.startswith(("file:", "fileb:", "http", "[", "{")) for value in values)
    known = ids_in(case)
    for name in ("UserGroupId", "UserId", "ServerlessCacheName"):
        flag = "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        told = said.get(name) if "--cli-input-json" in words else value_of(flag, words)
        assert told is None or told in known or re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", told)


def value_of(flag: str, words: list[str]) -> str | None:
    return words[words.index(flag) + 1] if flag in words else None


@given(situations(ANY_ID))
def test_a_new_id_is_nobody_elses(case: tuple[KnownCache, UsersAndGroups]) -> None:
    _, directory = case
    for finding in iam_verdict(*case).findings:
        for line in finding.repair:
            words = shlex.split(line)
            if line.startswith("aws") and words[2] == "create-user":
                made = value_of("--user-id", words)
                assert made is not None
                assert made not in directory.users
                assert len(made) <= 40
            if line.startswith("aws") and words[2] == "create-user-group":
                assert value_of("--user-group-id", words) not in directory.groups


@given(situations())
def test_a_hostile_access_string_is_told_and_never_run(
    case: tuple[KnownCache, UsersAndGroups],
) -> None:
    cache, directory = case
    assume(directory.users)
    evil = "off ~$(id)\n`id` '; id #"
    users_ = {key: replace(user, access_string=evil) for key, user in directory.users.items()}
    for finding in iam_verdict(cache, replace(directory, users=users_)).findings:
        assert not any("id)" in line or "`" in line for line in finding.repair)

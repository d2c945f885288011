"""What holds for the repairs of any cache, group and users that AWS may ever describe."""

from __future__ import annotations

import io
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.config.aws import Account
from discovery.model.codes import Action, IamVerdict, Reason, Severity
from discovery.model.repair_steps import Comment, Count, CreateGroup, Wait, cuts_off
from discovery.model.values import Complete, Finding, KnownCache, UsersAndGroups
from discovery.plan.iam.aws_cli import options
from discovery.plan.iam.effects import facts_after
from discovery.plan.iam.requests import request_for
from discovery.plan.iam.verdict import iam_verdict
from discovery.plan.iam.ways import repairs_in_scope
from discovery.reports.repairs.collect import ScopeRepairs, Selection, collect_repairs
from discovery.reports.repairs.script import Access, reference_word, write_script
from tests.property.test_compatibility import ANY_ID, situations
from tests.property.test_reports_hostile import HOSTILE, acts
from tests.support.report_samples import NOW, item, report, scopes

pytestmark = pytest.mark.slow

Case = tuple[KnownCache, UsersAndGroups]
EVIL = "$(touch pwned)\n`touch pwned`'; touch pwned #\\"
FUNCTIONS = {
    *("use_role", "use_profile", "begin", "end", "finish", "left_to_a_person"),
    *("create_user", "modify_user", "create_group", "modify_group", "attach_group"),
    *("raise_version", "wait_for_user", "wait_for_group", "wait_for_cache"),
}
STUBS = "".join(
    f"{name}() {{ printf '%s\\0' {name} \"$@\"; printf '\\n'; }}\n" for name in sorted(FUNCTIONS)
)
"""The functions of the script, each of which prints what it is given."""


def is_blocker(finding: Finding) -> bool:
    return finding.severity is Severity.BLOCKER


@given(situations())
def test_once_repaired_somebody_can_log_in(case: Case) -> None:
    cache, known = case
    if iam_verdict(cache, known).verdict is not IamVerdict.NOT_READY:
        assert repairs_in_scope([cache], known, is_blocker) == ()
        return
    [repaired] = repairs_in_scope([cache], known, is_blocker)
    facts = case
    for repair in repaired.repairs:
        facts = facts_after(repair.steps, facts)  # type: ignore[assignment]
    assert iam_verdict(*facts).verdict is IamVerdict.READY


@given(situations())
def test_a_warning_takes_access_from_nobody(case: Case) -> None:
    cache, known = case
    facts = case
    for repaired in repairs_in_scope([cache], known, Selection()):
        for repair in repaired.repairs:
            before = iam_verdict(*facts)
            facts = facts_after(repair.steps, facts)  # type: ignore[assignment]
            if not is_blocker(repair.finding):
                assert not cuts_off(repair.steps)
                assert set(before.users) <= set(iam_verdict(*facts).users)


@given(situations())
def test_no_repair_asks_for_the_next_group(case: Case) -> None:
    cache, known = case
    repairs = [
        one for each in repairs_in_scope([cache], known, Selection()) for one in each.repairs
    ]
    groups = [step for one in repairs for step in one.steps if isinstance(step, CreateGroup)]
    assert len(groups) <= 2


@given(situations())
def test_caches_that_share_a_group_are_repaired_once(case: Case) -> None:
    cache, known = case
    if cache.user_group_id not in known.groups:
        return
    other = replace(cache, name="zz", engine_version="8.1")
    caches = [replace(cache, engine_version="8.1"), other]
    repaired = {each.cache.name: each for each in repairs_in_scope(caches, known, is_blocker)}
    kept = [step for each in repaired.values() for one in each.repairs for step in one.steps]
    changes = [step for step in kept if not isinstance(step, Wait | Comment)]
    assert len(set(changes)) == len(changes)


@given(situations(ANY_ID), ANY_ID, HOSTILE)
@settings(max_examples=60)
def test_nothing_hostile_is_run_and_ids_are_given_as_they_are(
    case: Case, name: str, text: str
) -> None:
    written, repairs = script_of(with_name(case, name), text)
    assert EVIL not in written
    assert not acts(written)
    if not repairs:
        assert written.endswith("echo 'Nothing to repair.'\n")
        return
    head, body = around_functions(written)
    done = subprocess.run(
        ["/bin/sh"],
        input=f"{STUBS}{head}{body}",
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    called = [line.split("\0")[:-1] for line in done.stdout.splitlines()]
    requests = [words[words.index("--") + 1 :] for words in called if "--" in words]
    assert requests == list(expected_requests(repairs))


def with_name(case: Case, name: str) -> Case:
    """The same cache and group, both under a name that a stranger chose."""
    cache, known = case
    groups = {}
    for group in known.groups.values():
        groups[name] = replace(group, group_id=name)
    attached = None if cache.user_group_id is None else name
    return replace(cache, name=name, user_group_id=attached), replace(known, groups=groups)


def script_of(case: Case, text: str) -> tuple[str, tuple[ScopeRepairs, ...]]:
    """A script for a cache whose users, account and unread scopes all say something hostile."""
    cache, known = case
    users = {
        user_id: replace(user, access_string=f"{user.access_string} {text} {EVIL}")
        for user_id, user in known.users.items()
    }
    known = replace(known, users=users)
    judged = item(
        Action.CREATE,
        Reason.NEW,
        cache.name,
        cache.scope,
        iam=iam_verdict(cache, known),
        found=cache,
    )
    complete = Complete(scope=cache.scope, started_at=NOW, caches=(cache,), users_and_groups=known)
    unread = [replace(each, message=f"{text} {EVIL}") for each in scopes()]
    found = report(
        judged,
        scopes=(complete, *unread),
        account_names={cache.scope.account_id: f"{text}{EVIL}"},
    )
    repairs = collect_repairs(found, Selection(least=Severity.INFO))
    role = Account(
        id=cache.scope.account_id,
        role_arn=f"arn:aws:iam::{cache.scope.account_id}:role/x",
        external_id="env:WORD",
    )
    stream = io.StringIO()
    access = Access(roles={cache.scope.account_id: role}, profile=EVIL, sts_region="eu-west-1")
    write_script(found, repairs, access, stream)
    return stream.getvalue(), repairs


def around_functions(written: str) -> tuple[str, str]:
    """What stands before and behind the functions that every script has."""
    head, _, rest = written.partition("# -- What the steps")
    return head, rest[rest.index("# == account") :]


def expected_requests(repairs: tuple[ScopeRepairs, ...]) -> Iterator[list[str]]:
    for scope in repairs:
        for repair in scope.repairs:
            for step in repair.steps:
                if not isinstance(step, Wait | Comment | Count):
                    yield options(request_for(step)[1])


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00\n"), min_size=1))
@settings(max_examples=30)
def test_the_file_of_an_external_id_is_one_word(name: str) -> None:
    word = reference_word(f"file:/{name}")
    assert shlex.split(word[len('"$(cat ') : -len(')"')]) == [f"/{name}"]
    assert word.startswith('"$(cat ')

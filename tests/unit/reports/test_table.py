"""The report for people: what is listed, what is only counted, and that nothing acts."""

import io
from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import (
    Action,
    IamVerdict,
    NoteCode,
    ProbeOutcome,
    ProbeStep,
    Reason,
    ScopeReason,
)
from discovery.model.values import (
    AccountId,
    Change,
    IamJudgement,
    Note,
    Probe,
    Region,
    ResourceName,
    Scope,
    Skipped,
)
from discovery.reports.formats import RENDERERS
from discovery.reports.report import Report
from discovery.reports.signs import SIGNS
from discovery.reports.summary import sentence
from discovery.reports.terminal.table import write_table
from discovery.reports.view import Detail, Format, View
from tests.support.report_samples import (
    EARLIER,
    NOW,
    REFUSED,
    SECRET,
    carried_out,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)

AUDIT = View(title="audit", findings=True)
SWEEP = View(title="sweep", findings=False)
HOSTILE = "x[/bold]y\x1b[2J\u202e\nz" + "m" * 300


def table(found: Report, view: View = AUDIT) -> str:
    stream = io.StringIO()
    write_table(found, stream, view)
    return stream.getvalue()


def test_it_ends_with_the_sentence() -> None:
    assert table(full_report()).splitlines()[-1] == sentence(full_report())


def test_nothing_but_commands_and_the_sentence_is_wider_than_80_columns() -> None:
    lines = table(full_report(guard=REFUSED)).splitlines()[:-1]
    assert max(len(line) for line in lines) <= 80


def test_no_line_ends_with_spaces() -> None:
    assert not any(line.endswith(" ") for line in table(full_report()).splitlines())


def test_what_needs_attention_comes_first() -> None:
    text = table(carried_out(full_report(guard=REFUSED), failed="orders"))
    titles = ["Failed (1)", "Removed (1)", "Needs someone (2)", "Updated (2)", "Waiting (2)"]
    places = [text.index(title) for title in titles]
    assert places == sorted(places)


@pytest.mark.parametrize("action", list(Action), ids=lambda action: action.value)
def test_every_action_has_a_sign_and_a_word(action: Action) -> None:
    assert f"{SIGNS[action]} " in table(full_report())
    assert action.value in table(full_report())


def test_a_dry_run_says_would_be() -> None:
    text = table(full_report())
    assert "Would be created (1)" in text
    assert "nothing was written" in text


def test_what_is_kept_is_counted_unless_everything_is_asked_for() -> None:
    items = [item(Action.KEEP, Reason.UNCHANGED, f"cache-{number}") for number in range(50)]
    found = report(*items)
    assert "= 50 keep" in table(found)
    assert "cache-7" not in table(found)
    assert "cache-7 " in table(found, replace(AUDIT, detail=Detail.FULL))


def test_many_that_wait_for_one_reason_are_counted() -> None:
    items = [item(Action.HELD, Reason.SCOPE_FAILED, f"cache-{number:02}") for number in range(30)]
    text = table(report(*items))
    assert text.count("cache-") == 5
    assert "? held      30 caches · SCOPE_FAILED\n            why … is held\n" in text
    assert "and 25 more (--full lists them)" in text


def test_twenty_removals_are_listed_and_the_others_counted() -> None:
    items = [item(Action.DELETE, Reason.ABSENT, f"cache-{number:03}") for number in range(300)]
    text = table(report(*items))
    assert all(f"cache-{number:03} " in text for number in range(20))
    assert "and 280 more (--full lists them)" in text
    everything = table(report(*items), replace(AUDIT, detail=Detail.FULL))
    assert all(f"cache-{number:03} " in everything for number in range(300))


def test_one_more_than_are_listed_is_listed_too() -> None:
    items = [item(Action.DELETE, Reason.ABSENT, f"cache-{number:03}") for number in range(21)]
    assert "cache-020 " in table(report(*items))


def test_items_that_say_the_same_say_it_once_with_what_changes() -> None:
    change = Change("/metadata/labels/tier", None, "gold")
    items = [
        item(Action.UPDATE, Reason.LABELS_CHANGED, f"c-{n}", message="differs", changes=(change,))
        for n in range(3)
    ]
    for detail in (Detail.NORMAL, Detail.FULL):
        text = table(report(*items), replace(AUDIT, detail=detail))
        assert text.count("differs") == 1
        assert text.count("/metadata/labels/tier: none → gold") == 1


def test_where_messages_differ_everything_has_each_of_them() -> None:
    items = [item(Action.BLOCKED, Reason.REJECTED, f"c-{n}", message=f"no '{n}'") for n in range(3)]
    assert "no …" in table(report(*items))
    text = table(report(*items), replace(AUDIT, detail=Detail.FULL))
    assert "no …" not in text
    assert all(f"no '{n}'" in text for n in range(3))


def test_items_of_many_kinds_are_counted_beyond_the_first() -> None:
    items = [
        item(Action.BLOCKED, Reason.REJECTED, f"c-{n}", message="no " + chr(97 + n) * 9)
        for n in range(20)
    ]
    text = table(report(*items))
    assert text.count("! blocked ") == 8
    assert "and 12 more (--full lists them)" in text


def test_owners_and_names_of_accounts_stand_beside_the_cache() -> None:
    one = item(Action.CREATE, Reason.NEW, "orders", owner="checkout")
    text = table(report(one, account_names={one.scope.account_id: "shop"}))
    assert "orders · shop 111122223333/eu-west-1 · owner checkout · NEW" in text


def test_an_unread_scope_says_why_and_since_when() -> None:
    text = table(full_report())
    assert "1 read, 1 unread, 1 not asked" in text
    assert "!  444455556666/eu-west-1 · THROTTLED · failing since 09:14" in text


def test_skipped_scopes_beyond_five_are_counted() -> None:
    skipped = [
        Skipped(
            scope=Scope(AccountId(f"{number:012}"), Region("me-south-1")),
            started_at=EARLIER,
            reason=ScopeReason.NOT_IN_RUN,
        )
        for number in range(15)
    ]
    text = table(report(scopes=tuple(skipped)))
    assert ".  15 scopes · NOT_IN_RUN" in text
    assert "and 10 more (--full lists them)" in text


def test_scopes_that_failed_alike_say_why_once() -> None:
    failed = [
        replace(scopes()[1], scope=Scope(AccountId(f"{number:012}"), None), message="denied")
        for number in range(4)
    ]
    text = table(report(scopes=(*failed, scopes()[1])))
    assert text.count("denied") == 1
    assert "!  4 scopes · THROTTLED\n   denied\n   000000000000\n" in text


def test_a_read_scope_that_lacks_a_fact_is_listed() -> None:
    partly = replace(scopes()[0], message="tags could not be read; grant tag:GetResources")
    assert "grant tag:GetResources" in " ".join(table(report(scopes=(partly,))).split())


def test_a_finding_that_caches_share_is_told_once_with_its_repair() -> None:
    text = table(full_report())
    assert text.count("· NO_IAM_USER") == 1
    assert "2 not ready for IAM login  NO_IAM_USER 2" in text
    assert "payments, sessions · 111122223333/eu-west-1" in text
    assert "--authentication-mode Type=iam" in text


def test_more_findings_than_anybody_reads_are_counted() -> None:
    found = [
        item(
            Action.KEEP, Reason.UNCHANGED, f"c-{n}", iam=judged(replace(finding(), subject=f"{n}"))
        )
        for n in range(503)
    ]
    text = table(report(*found))
    assert "! blocker     503 findings on 503 caches · NO_IAM_USER" in text
    assert text.count("User group app has no member") == 1
    assert "and 498 more (--full lists them)" in text
    assert "create-user" not in text
    assert "`cachemuster repairs` prints the commands" in text
    everything = table(report(*found), replace(AUDIT, detail=Detail.FULL))
    assert everything.count("--user-ids-to-add alice") == 503
    assert "c-502 " in everything


def test_logins_that_proved_nothing_say_why_once_and_where() -> None:
    probe = Probe(ProbeOutcome.UNPROVED, "app", ProbeStep.AUTH, NOW, "AWS throttles logins")
    ready = IamJudgement(IamVerdict.READY, NOW, ("app",), (), probe)
    names = [f"cache-{number}" for number in range(8)]
    found = report(*(item(Action.KEEP, Reason.UNCHANGED, name, iam=ready) for name in names))
    text, everything = table(found), table(found, replace(AUDIT, detail=Detail.FULL))
    assert "8 ready, 0 not-ready, 0 unknown; logins: 8 unproved" in text
    assert text.count("AWS throttles logins") == everything.count("AWS throttles logins") == 1
    assert [name for name in names if f"{name} · 111122223333/eu-west-1 · as app" in text] == (
        names[:5]
    )
    assert "and 3 more" in text
    assert all(f"{name} · 111122223333/eu-west-1 · as app" in everything for name in names)


def test_without_logins_nothing_is_said_of_them() -> None:
    text = table(full_report())
    assert "logins" not in text
    assert "unproved" not in text


def test_a_sweep_only_counts_findings() -> None:
    text = table(carried_out(full_report()), SWEEP)
    assert "has no member that can log in" not in text
    assert "2 ready, 2 not-ready, 0 unknown; `cachemuster audit` says why" in text


def test_a_refusal_of_the_guard_is_told_with_its_way_out() -> None:
    text = table(full_report(guard=REFUSED))
    assert "Guard  refused: GUARD_PERCENT" in text
    assert REFUSED.message in " ".join(text.split())


def test_an_unfinished_sweep_says_why() -> None:
    assert "! the control plane answered nonsense" in table(
        report(error="the control plane answered nonsense")
    )


def test_an_interrupted_sweep_says_what_it_left() -> None:
    found = report(
        item(Action.CREATE, Reason.NEW),
        dry_run=False,
        interrupted=True,
        stop_message="stopped by SIGTERM",
    )
    assert "Not done (1)" in table(found)
    assert "! stopped by SIGTERM" in table(found)


def test_a_simulated_cloud_is_named() -> None:
    text = table(report(endpoints={"sts": "http://127.0.0.1:4566"}))
    assert "Not the real AWS: http://127.0.0.1:4566 answers for 1 service" in text


def test_external_ids_are_digests() -> None:
    text = table(full_report(), replace(AUDIT, detail=Detail.FULL))
    assert SECRET not in text
    assert "old-secret" not in text


def hostile_report() -> Report:
    """Text of an attacker in every place that prints."""
    bad: dict[str, Any] = {
        "message": HOSTILE,
        "name": ResourceName(HOSTILE),
        "previous_name": ResourceName(HOSTILE),
        "notes": (Note(NoteCode.TAG_KEY_DROPPED, HOSTILE, HOSTILE),),
        "changes": (Change("/metadata/labels/" + HOSTILE, HOSTILE, {HOSTILE: [HOSTILE]}),),
    }
    items = (item(Action.UPDATE, Reason.RENAMED, HOSTILE, **bad),)
    failed = replace(scopes()[1], message=HOSTILE)
    return report(
        *items,
        scopes=(failed,),
        error=HOSTILE,
        guard=replace(REFUSED, message=HOSTILE),
        endpoints={"sts": HOSTILE},
    )


@pytest.mark.parametrize("form", list(Format), ids=lambda form: form.value)
@pytest.mark.parametrize("detail", [Detail.NORMAL, Detail.FULL])
def test_a_hostile_tag_is_only_text(form: Format, detail: Detail) -> None:
    stream = io.StringIO()
    RENDERERS[form](hostile_report(), stream, replace(AUDIT, detail=detail))
    text = stream.getvalue()
    assert "x[/bold]y" in text
    lines = text.replace("\r\n", "\n").split("\n")  # of CSV
    assert not any(ord(character) < 32 for line in lines for character in line)
    assert "\u202e" not in text

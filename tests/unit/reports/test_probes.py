"""What came of logins: the document, the table, the exit code."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from discovery.model.agent import Agent
from discovery.model.codes import ProbeOutcome, ProbeStep
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Endpoint, ResourceName
from discovery.reports.exit import Exit
from discovery.reports.probes import (
    ProbedLogin,
    ProbeReport,
    probe_document,
    probe_exit_code,
    probe_sentence,
    worst_of,
)
from discovery.reports.schema import committed_schema, probe_schema
from discovery.reports.terminal.probes import FOLDED, write_probe_table

AT = datetime(2026, 11, 30, 20, tzinfo=UTC)
VALIDATOR = Draft202012Validator(committed_schema("probe"), format_checker=FormatChecker())
O = ProbeOutcome  # noqa: E741


def login(outcome: ProbeOutcome = O.PROVED, cache: str = "orders", **more: object) -> ProbedLogin:
    parsed = parse_cache_arn(f"arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:{cache}")
    assert parsed is not None
    made = ProbedLogin(
        cache=parsed,
        name=ResourceName(f"{cache}-db"),
        endpoint=Endpoint(f"{cache}.serverless.euw1.cache.amazonaws.com", 6379),
        user="app",
        signer="arn:aws:iam::111122223333:role/connect",
        as_teleport=True,
        outcome=outcome,
        step=ProbeStep.PING if outcome is O.PROVED else ProbeStep.AUTH,
        at=AT,
        took=timedelta(milliseconds=43),
        cause="logged in" if outcome is O.PROVED else "the cause",
        remedy="" if outcome is O.PROVED else "the remedy",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def report(*logins: ProbedLogin, **more: object) -> ProbeReport:
    made = ProbeReport(
        agent=Agent("agent-1", "0.1.0"),
        started_at=AT,
        finished_at=AT,
        timeout=timedelta(seconds=5),
        logins=logins,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def table(found: ProbeReport, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    write_probe_table(found, stream, verbose=verbose)
    return stream.getvalue()


def test_the_committed_schema_is_the_one_that_the_code_makes() -> None:
    assert committed_schema("probe") == probe_schema(), "write probe.schema.json anew"
    Draft202012Validator.check_schema(probe_schema())


def test_documents_keep_to_the_schema() -> None:
    odd = login(O.UNREACHABLE, user=None, endpoint=None, name=None)
    for found in (report(), report(login(), odd), report(not_probed=("why",))):
        VALIDATOR.validate(probe_document(found))


@pytest.mark.parametrize(
    ("outcomes", "more", "code"),
    [
        ([O.PROVED, O.PROVED], {}, Exit.DONE),
        ([O.PROVED, O.UNREACHABLE], {}, Exit.INCOMPLETE),
        ([O.UNPROVED], {}, Exit.INCOMPLETE),
        ([O.UNREACHABLE, O.REFUSED], {}, Exit.FINDINGS),
        ([O.PROVED], {"not_probed": ("a scope",)}, Exit.INCOMPLETE),
        ([O.REFUSED], {"not_probed": ("a scope",)}, Exit.FINDINGS),
        ([], {"error": "no answer"}, Exit.FAILED),
        ([O.REFUSED], {"is_interrupted": True}, Exit.INTERRUPTED),
    ],
)
def test_exit_codes(outcomes: list[ProbeOutcome], more: dict[str, object], code: Exit) -> None:
    assert probe_exit_code(report(*map(login, outcomes), **more)) is code


def test_a_stop_by_sigterm_is_told_apart() -> None:
    assert probe_exit_code(report(is_interrupted=True), terminated=True) is Exit.TERMINATED


def test_the_worst_outcome_says_most_of_a_cache() -> None:
    everything = [login(outcome) for outcome in (O.PROVED, O.UNPROVED, O.UNREACHABLE, O.REFUSED)]
    assert [worst_of(everything[: n + 1]).outcome for n in range(4)] == [
        O.PROVED,
        O.UNPROVED,
        O.UNREACHABLE,
        O.REFUSED,
    ]


def test_equal_troubles_are_explained_once() -> None:
    text = table(report(login(O.REFUSED), login(O.REFUSED, "carts"), login(O.PROVED, "good")))
    assert text.count("the cause") == text.count("the remedy") == 1
    assert "refused at auth  2 logins" in text
    assert "carts · 111122223333/eu-west-1 · as app" in text
    assert text.index("carts") < text.index("good")
    named = report(login(), account_names={"111122223333": "shop"})
    assert "orders · shop 111122223333/eu-west-1 · as app" in table(named)
    assert probe_document(named)["probes"][0]["account_name"] == "shop"
    assert text.splitlines()[-1] == ("3 logins to 3 caches from host agent-1: 1 proved, 2 refused")


def test_many_that_are_proved_are_counted_unless_all_are_asked_for() -> None:
    found = report(*(login(O.PROVED, f"c{n}") for n in range(FOLDED + 1)))
    assert "c0" not in table(found)
    assert f"{FOLDED + 1} logins" in table(found)
    assert "c0" in table(found, verbose=True)


def test_what_a_server_said_moves_no_cursor() -> None:
    text = table(report(login(O.UNPROVED, cause="it said \x1b[2J\u202e")))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_sentence_of_nothing() -> None:
    assert probe_sentence(report()) == "0 logins to 0 caches from host agent-1"

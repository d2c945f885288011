"""Whatever Unicode state, AWS and Teleport hold: what a command prints of it stays text.

The reports of sweeps have `test_reports_hostile`; these are the answers to an operator's questions.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model.codes import Action, FindingCode, IamVerdict, Reason, ScopeReason, ScopeStatus
from discovery.model.values import Arn, Change, Failed, ItemError, ResourceName, Tags
from discovery.plan.adoption.transfer import Obstacle, Refused, Transfer
from discovery.reports.checks import Area, Check, CheckStatus, write_doctor_document
from discovery.reports.explanation import Explanation, write_explanation_document
from discovery.reports.history import write_history_document
from discovery.reports.status import Status, write_status_document
from discovery.reports.terminal.doctor import write_doctor_table
from discovery.reports.terminal.explanation import write_explanations
from discovery.reports.terminal.history import write_history_table
from discovery.reports.terminal.status_table import write_status_table
from discovery.reports.terminal.transfer import write_transfer, write_transfer_plan
from discovery.reports.transfer import TransferReport, write_transfer_document
from state.records import LastVerdict, OpenIntent, RememberedState, StateIdentity, TakenName
from tests.property.test_reports_hostile import HOSTILE, acts
from tests.support.report_samples import NOW, item
from tests.support.state_records import (
    SCOPE,
    START,
    arn_of,
    cache_of,
    database_of,
    entry_of,
    intent_of,
    miss_of,
    record_of,
    registration_of,
    scope_of,
)

Write = Callable[[Any, TextIO], None]
MARK = "Zq7"
"""Stands around the hostile text, to tell whether all of it is on one line."""


def _explained(text: str) -> list[Explanation]:
    cache = replace(
        cache_of("orders"),
        name=text,
        status=text,
        engine=text,
        engine_version=text,
        tags=Tags({text: text}, START, confirmed=False),
        iam=LastVerdict(IamVerdict.READY, (text,), (FindingCode.USER_MISSING,)),
    )
    registration = replace(registration_of("orders"), name=ResourceName(text))
    return [
        Explanation(
            arn=arn_of("orders"),
            cache=cache,
            registration=registration,
            miss=miss_of("orders"),
            taken=TakenName(name=ResourceName(text), arn=arn_of("orders"), since=START),
            matchers=(text,),
            last=entry_of(text, name=text),
            next=item(Action.KEEP, Reason.UNCHANGED, text, message=text, owner=text),
            account_names={SCOPE.account_id: text},
        ),
        Explanation(
            arn=Arn(text),
            cache=None,
            registration=None,
            miss=None,
            taken=None,
            matchers=(),
            last=None,
            next=None,
        ),
    ]


def _history(text: str) -> list[Any]:
    return [entry_of(text, name=text), replace(entry_of(text, name=text), arn=Arn(text))]


def _names(history: list[Any]) -> dict[str, str]:
    """The accounts are called by the same hostile text."""
    return {each.scope.account_id: each.name for each in history}


def _status(text: str) -> Status:
    name = ResourceName(text)
    database = database_of(text, text)
    denied = replace(
        scope_of(),
        status=ScopeStatus.FAILED,
        reason=ScopeReason.DENIED,
        message=text,
        failing_since=START,
    )
    state = RememberedState(
        caches={arn_of("orders"): cache_of("orders")},
        registrations={name: replace(registration_of("orders"), name=name, database=database)},
        pending_removals={name: replace(miss_of("orders"), name=name, arn=Arn(text))},
        scopes={SCOPE: denied},
        open_intents=(OpenIntent(intent_id=1, intent=replace(intent_of(), name=name)),),
        identity=StateIdentity(
            control_plane="teleport", cluster=text, group=text, endpoint_override=False
        ),
        last_sweep=record_of(1),
    )
    names = {str(SCOPE.account_id): text}
    return Status(state=state, path=Path("/state.db"), now=NOW, account_names=names)


def _transfer(text: str) -> TransferReport:
    name = ResourceName(text)
    database = replace(database_of(text, "orders"), labels={text: text}, description=text)
    change = Change("/metadata/labels/x", text, {text: text})
    done = item(
        Action.UPDATE,
        Reason.DRIFT,
        text,
        name=name,
        message=text,
        changes=(change, Change(f"/metadata/labels/{text}", None, text)),
        database=database,
        applied=True,
    )
    denied = ItemError("DENIED", text, retryable=False)
    return TransferReport(
        verb="adopt",
        control_plane=f"teleport {text}",
        group=text,
        transfer=Transfer(
            items=(done, replace(done, applied=False, error=denied)),
            refused=(Refused(name, Obstacle.NOT_VISIBLE, text, database),),
        ),
        unread=(Failed(scope=SCOPE, started_at=START, reason=ScopeReason.DENIED, message=text),),
        advice=(text,),
    )


def _checks(text: str) -> Sequence[Check]:
    return [
        Check(
            area=area,
            subject=text,
            outcome=outcome,
            message=text,
            action=text,
            statement={"Action": text, "Resource": [text]},
        )
        for area in Area
        for outcome in CheckStatus
    ]


TABLES: list[tuple[Callable[[str], Any], Write]] = [
    (_explained, write_explanations),
    (_history, lambda value, stream: write_history_table(value, _names(value), stream, limit=50)),
    (_status, lambda value, stream: write_status_table(value, stream, verbose=True)),
    (_transfer, write_transfer_plan),
    (_transfer, write_transfer),
    (_checks, lambda value, stream: write_doctor_table(value, stream, verbose=True)),
]
DOCUMENTS: list[tuple[Callable[[str], Any], Write]] = [
    (_explained, write_explanation_document),
    (_history, lambda value, stream: write_history_document(value, _names(value), stream)),
    (_status, write_status_document),
    (_transfer, write_transfer_document),
    (_checks, write_doctor_document),
]


def ids(cases: Sequence[tuple[Callable[[str], Any], Write]]) -> list[str]:
    return [f"{about.__name__.strip('_')}-{place}" for place, (about, _) in enumerate(cases)]


def written(about: Callable[[str], Any], write: Write, text: str) -> str:
    stream = io.StringIO()
    write(about(text), stream)
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(("about", "write"), TABLES, ids=ids(TABLES))
@given(text=HOSTILE)
@settings(max_examples=40, deadline=None)
def test_a_table_never_acts(about: Callable[[str], Any], write: Write, text: str) -> None:
    shown = written(about, write, text)
    assert not acts(shown)


@pytest.mark.parametrize(("about", "write"), TABLES, ids=ids(TABLES))
@given(breaks=st.sampled_from(["\n", "\r\n", "\x85", "\u2028", "\v", "\n\n"]))
@settings(deadline=None)
def test_no_line_of_a_table_begins_where_a_stranger_wants(
    about: Callable[[str], Any], write: Write, breaks: str
) -> None:
    shown = written(about, write, f"a{breaks}{MARK} tctl rm db/orders")
    assert not [line for line in shown.splitlines() if line.strip().startswith(f"{MARK} tctl")]


@pytest.mark.parametrize(("about", "write"), DOCUMENTS, ids=ids(DOCUMENTS))
@given(text=HOSTILE)
@settings(max_examples=40, deadline=None)
def test_a_document_is_ascii_and_one_json_value(
    about: Callable[[str], Any], write: Write, text: str
) -> None:
    shown = written(about, write, text)
    assert shown.isascii()
    assert not acts(shown)
    assert json.dumps(text) in shown, "and gives the text back"
    assert json.loads(shown)["schema_version"] == 1


@pytest.mark.slow
@given(HOSTILE.filter(str.isprintable))
@settings(max_examples=40, deadline=None)
def test_what_is_to_be_done_by_hand_is_yaml_with_remarks(text: str) -> None:
    shown = written(_transfer, write_transfer_document, text)
    by_hand = json.loads(shown)["refused"][0]["by_hand"]
    [document] = yaml.safe_load_all(by_hand)
    assert document["metadata"]["labels"] == {text: text}
    remarks = [line for line in by_hand.splitlines() if line.startswith("#")]
    assert by_hand.splitlines()[: len(remarks)] == remarks, "remarks first, then the document"

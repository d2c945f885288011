"""When a round of logins starts, and what of it is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from discovery.config.load import parse_config
from discovery.model.codes import Action, IamVerdict, ProbeOutcome, ProbeStep, Reason
from discovery.model.values import Arn, IamJudgement
from discovery.plan.item import Item
from discovery.plan.targets import Targets
from discovery.service.metrics import Metrics
from discovery.service.probing import ProbeRunner, changed_outcomes
from discovery.service.runner import ScheduledRun
from discovery.sweep.cancellation import Stopped
from discovery.sweep.context import SweepKind
from state.records import HistoryEvent, RememberedProbe
from tests.support.report_samples import cache, database, item, report

if TYPE_CHECKING:
    from discovery.service.connections import Connections
    from discovery.service.runner import SweepRunner

AT = datetime(2026, 11, 30, 20, tzinfo=UTC)
ARN = Arn("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders")
PROVED = RememberedProbe(
    arn=ARN,
    outcome=ProbeOutcome.PROVED,
    user="app",
    step=ProbeStep.PING,
    at=AT,
    message="logged in",
)
REFUSED = replace(PROVED, outcome=ProbeOutcome.REFUSED, step=ProbeStep.AUTH, message="WRONGPASS")


READY = IamJudgement(IamVerdict.READY, AT, ("app",), ())
FOUND = item(Action.KEEP, Reason.UNCHANGED, "orders", found=cache("orders"), iam=READY)
REGISTERED = replace(FOUND, live=database("orders"))
NEW = replace(FOUND, action=Action.CREATE, reason=Reason.NEW, applied=True)


class ProbingService:
    """A service that ends a sweep whenever it is asked whether logins are due."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        metrics = Metrics(scope_metrics_limit=1, version="0")
        self.runner = ProbeRunner(cast("SweepRunner", self), metrics, lambda: self.now_s)
        self.configure("{interval: 10m}")

    def configure(self, probe: str) -> None:
        text = f"version: 1\ngroup: prod\nservice: {{probe: {probe}}}\n"
        config = parse_config(text, file="c.yaml", base=Path("/etc"))
        context = SimpleNamespace(rules=SimpleNamespace(matchers=()), config=config)
        self.current = cast("Connections", SimpleNamespace(config=config, context=context))

    def due(self, *items: Item, **more: Any) -> bool:
        run = ScheduledRun(
            kind=SweepKind.SWEEP,
            report=report(*(items or (REGISTERED,)), **more),
            targets=Targets(accounts={}, accounts_complete=True),
        )
        return self.runner.is_due(run, self.current)

    @property
    def connections(self) -> Any:
        """Where a round begins; that one ends at once, as in a service that stops."""
        raise Stopped


async def test_a_round_starts_after_a_sweep_and_then_once_an_interval() -> None:
    service = ProbingService()
    assert service.due()
    await service.runner.run()
    for elapsed_s, due in ((0, False), (599, False), (600, True)):
        service.now_s = 1000.0 + elapsed_s
        assert service.due() is due
    service.configure("{interval: 1h}")
    assert not service.due()
    service.configure("null")
    assert not service.due()


@pytest.mark.parametrize(
    ("found", "due"),
    [
        (NEW, True),
        (FOUND, False),
        (replace(NEW, applied=False), False),
        (replace(REGISTERED, action=Action.DELETE, reason=Reason.ABSENT), False),
        (replace(REGISTERED, iam=replace(READY, verdict=IamVerdict.NOT_READY)), False),
    ],
    ids=["just registered", "not registered", "not gone through", "removed", "not ready"],
)
def test_a_round_is_for_caches_that_are_registered_and_ready(found: Item, due: bool) -> None:
    assert ProbingService().due(found) is due


def test_a_sweep_that_did_not_end_leaves_the_caches_of_the_one_before() -> None:
    service = ProbingService()
    assert not service.due(error="AWS did not answer")
    assert service.due()
    assert service.due(FOUND, interrupted=True)


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (None, PROVED, []),
        (None, REFUSED, ["REFUSED"]),
        (PROVED, PROVED, []),
        (REFUSED, REFUSED, []),
        (PROVED, REFUSED, ["REFUSED"]),
        (REFUSED, PROVED, ["PROVED"]),
    ],
)
def test_only_another_outcome_is_news(
    before: RememberedProbe | None, after: RememberedProbe, reasons: list[str]
) -> None:
    remembered = {ARN: before} if before is not None else {}
    entries = tuple(changed_outcomes(remembered, {ARN: after}, AT))
    assert [each.reason for each in entries] == reasons
    for entry in entries:
        assert (entry.event, entry.arn, str(entry.scope)) == (
            HistoryEvent.PROBED,
            ARN,
            "111122223333/eu-west-1",
        )
        assert after.message in entry.message

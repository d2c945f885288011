"""Every failure has a cause in words and a remedy; a refusal has its causes in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from discovery.model.codes import FindingCode, IamVerdict, ProbeOutcome, ProbeStep, Severity
from discovery.model.values import Finding, IamJudgement
from discovery.probe.diagnose import LoginContext, diagnose, refusal_causes
from discovery.probe.failures import Failure, FailureKind

READY = IamJudgement(IamVerdict.READY, None, ("app",), ())
CONTEXT = LoginContext(
    user="app",
    judgement=READY,
    signer="arn:aws:iam::111122223333:role/connect",
    as_teleport=True,
    clock_skew=timedelta(0),
)
REFUSED = Failure(ProbeStep.AUTH, FailureKind.WRONG_PASSWORD)


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("step", ProbeStep)
def test_every_failure_is_told_and_proves_nothing(kind: FailureKind, step: ProbeStep) -> None:
    found = diagnose(Failure(step, kind), CONTEXT)
    assert found.outcome is not ProbeOutcome.PROVED
    assert found.cause
    assert found.remedy or kind is FailureKind.NO_CREDENTIALS


def test_only_a_login_without_failure_is_proved() -> None:
    assert diagnose(None, CONTEXT).outcome is ProbeOutcome.PROVED


@pytest.mark.parametrize("kind", FailureKind)
def test_credentials_of_others_are_never_refused(kind: FailureKind) -> None:
    others = replace(CONTEXT, as_teleport=False, signer="somebody")
    assert diagnose(Failure(ProbeStep.AUTH, kind), others).outcome is not ProbeOutcome.REFUSED


def test_only_the_caches_own_refusal_is_one() -> None:
    refused = {
        kind
        for kind in FailureKind
        if diagnose(Failure(ProbeStep.AUTH, kind), CONTEXT).outcome is ProbeOutcome.REFUSED
    }
    assert refused == {FailureKind.WRONG_PASSWORD, FailureKind.NOT_AUTHENTICATED}


def test_of_a_user_who_is_in_order_the_permission_is_suspected_first() -> None:
    causes = refusal_causes(CONTEXT)
    assert causes[0].startswith("elasticache:Connect is not allowed to arn:")
    assert "on the user" in causes[1]
    assert not any("group" in cause and "moment" not in cause for cause in causes)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (FindingCode.USER_NOT_IN_GROUP, "not in the cache's user group"),
        (FindingCode.USER_ID_NAME_MISMATCH, "id and name differ"),
        (FindingCode.USER_DISABLED, "access string is off"),
        (FindingCode.USER_NOT_IAM, "does not authenticate with IAM"),
    ],
)
def test_what_is_known_of_the_user_comes_first(code: FindingCode, cause: str) -> None:
    finding = Finding(code, Severity.WARNING, "bob", "…")
    context = replace(CONTEXT, user="bob", judgement=replace(READY, findings=(finding,)))
    assert cause in refusal_causes(context)[0]


def test_a_finding_on_somebody_else_is_no_cause() -> None:
    finding = Finding(FindingCode.USER_DISABLED, Severity.WARNING, "bob", "…")
    causes = refusal_causes(replace(CONTEXT, judgement=replace(READY, findings=(finding,))))
    assert not any("off" in cause for cause in causes)


def test_a_cache_without_a_group_is_the_first_cause() -> None:
    finding = Finding(FindingCode.NO_USER_GROUP, Severity.BLOCKER, "orders", "…")
    judgement = IamJudgement(IamVerdict.NOT_READY, None, (), (finding,))
    assert refusal_causes(replace(CONTEXT, judgement=judgement))[0].startswith("no user group")


def test_of_a_cache_that_nobody_judged_all_causes_are_named() -> None:
    causes = " ".join(refusal_causes(replace(CONTEXT, judgement=None, clock_skew=None)))
    for cause in ("Connect", "user group", "id and name", "access string", "clock"):
        assert cause in causes


def test_a_clock_that_is_off_is_the_first_cause() -> None:
    causes = refusal_causes(replace(CONTEXT, clock_skew=timedelta(minutes=-20)))
    assert causes[0] == "this host's clock is 1200 s off AWS's"
    assert not any("clock" in cause for cause in refusal_causes(CONTEXT))


def test_no_text_names_a_cache_so_that_equal_troubles_are_told_once() -> None:
    assert diagnose(REFUSED, CONTEXT) == diagnose(REFUSED, CONTEXT)
    assert "orders" not in diagnose(REFUSED, CONTEXT).message

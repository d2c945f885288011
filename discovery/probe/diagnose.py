"""Say what stopped a login in the field's words, and what to do. Pure.

Texts name no cache, so that all caches with the same trouble can be told together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict, ProbeOutcome, ProbeStep, Severity
from discovery.model.values import IamJudgement
from discovery.probe.failures import Failure, FailureKind

CLOCK_TOLERANCE: Final = timedelta(minutes=1)
"""A smaller difference from AWS's clock is no cause of a refusal."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure means."""

    outcome: ProbeOutcome
    cause: str
    remedy: str

    @property
    def message(self) -> str:
        """Both in one sentence."""
        return f"{self.cause}; {self.remedy}" if self.remedy else self.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginContext:
    """What is known of a login beside its failure."""

    user: str | None
    judgement: IamJudgement | None
    """None: nobody judged who can log in."""
    signer: str
    """Whose credentials signed: a role's ARN, or words."""
    as_teleport: bool
    """True when Teleport would sign with the same."""
    clock_skew: timedelta | None = None
    """How far this host's clock is from AWS's; None: not known."""


PROVED: Final = Diagnosis(ProbeOutcome.PROVED, "logged in", "")

_K = FailureKind
_UNREACHABLE, _UNPROVED = ProbeOutcome.UNREACHABLE, ProbeOutcome.UNPROVED
_NOT_SENT: Final = "the token was not sent"

_DIAGNOSES: Final[Mapping[FailureKind, Diagnosis]] = {
    _K.NOT_AWS: Diagnosis(
        _UNPROVED,
        f"the endpoint is not a host of AWS's cache domains, so {_NOT_SENT}",
        "compare it with `aws elasticache describe-serverless-caches`",
    ),
    _K.NO_ENDPOINT: Diagnosis(
        _UNPROVED, "AWS names no endpoint of the cache", "wait until the cache is available"
    ),
    _K.NAME_UNKNOWN: Diagnosis(
        _UNREACHABLE,
        "the endpoint's name does not resolve here",
        "use a DNS server that knows it: that of the VPC, with DNS support on, or a resolver "
        "that forwards to it",
    ),
    _K.LOOKUP_FAILED: Diagnosis(
        _UNREACHABLE,
        "DNS gives no answer here",
        "check this host's DNS servers and the way to them",
    ),
    _K.CONNECTION_REFUSED: Diagnosis(
        _UNREACHABLE,
        "the connection is refused: nothing listens at the endpoint's port",
        "compare the port with the endpoint's in AWS, and look for a firewall or proxy in between",
    ),
    _K.NO_ROUTE: Diagnosis(
        _UNREACHABLE,
        "this host has no route to the cache's subnets",
        "probe from inside the VPC, or add a route: peering, transit gateway, VPN",
    ),
    _K.CONNECT_FAILED: Diagnosis(
        _UNREACHABLE,
        "no connection could be made",
        "check routes, security groups and network ACLs between this host and the cache's subnets",
    ),
    _K.CERTIFICATE_UNTRUSTED: Diagnosis(
        _UNREACHABLE,
        f"the certificate is not signed by a CA that this host trusts; {_NOT_SENT}",
        "install Amazon's root certificates (package ca-certificates, or SSL_CERT_FILE), and look "
        "for a proxy that ends TLS in between",
    ),
    _K.CERTIFICATE_OF_ANOTHER_HOST: Diagnosis(
        _UNREACHABLE,
        f"the certificate is of another host; {_NOT_SENT}",
        "check what the endpoint's name resolves to here, and look for a proxy in between",
    ),
    _K.CERTIFICATE_OUT_OF_DATE: Diagnosis(
        _UNREACHABLE,
        f"the certificate is not valid at this time; {_NOT_SENT}",
        "check this host's clock, and look for a proxy in between",
    ),
    _K.TLS_FAILED: Diagnosis(
        _UNREACHABLE,
        f"TLS 1.2 or later could not be agreed on; {_NOT_SENT}",
        "look for a proxy or firewall in between, and for something else at the endpoint's port",
    ),
    _K.CLOSED: Diagnosis(
        _UNREACHABLE,
        "the connection was closed before an answer came",
        "look for a proxy or firewall in between, and at the cache's connection limits",
    ),
    _K.NO_USER: Diagnosis(
        _UNPROVED,
        "there is no user to log in as",
        "`cachemuster audit` says why and prints the repairs; --user names one all the same",
    ),
    _K.THROTTLED: Diagnosis(
        _UNPROVED,
        "AWS throttles logins with IAM",
        "try again later; the metric IamAuthenticationThrottling shows how often",
    ),
    _K.SERVICE_UNAVAILABLE: Diagnosis(
        _UNPROVED,
        "the cache could not check the token",
        "try again later; the metric IamAuthenticationThrottling shows whether IAM throttles",
    ),
    _K.UNEXPECTED_REPLY: Diagnosis(
        _UNPROVED,
        "the answer is none that a cache gives to a login",
        "look for a proxy in between, and try again later",
    ),
    _K.ANOTHER_USER: Diagnosis(
        _UNPROVED,
        "the cache took the login for one of another user",
        "look for a proxy in between",
    ),
}

_NO_ANSWER: Final[Mapping[ProbeStep, tuple[str, str]]] = {
    ProbeStep.RESOLVE: (
        "DNS gave no answer in time",
        "check this host's DNS servers and the way to them",
    ),
    ProbeStep.TCP: (
        "nothing answered at the endpoint's port",
        "allow the port from this host in the cache's security groups, and check routes and "
        "network ACLs between this host and the cache's subnets",
    ),
    ProbeStep.TLS: (
        f"the connection was made, and TLS got no answer in time; {_NOT_SENT}",
        "look for a proxy or firewall in between, and try a longer --timeout",
    ),
    ProbeStep.AUTH: (
        "the cache did not answer the login in time",
        "try a longer --timeout; the metric IamAuthenticationThrottling shows whether IAM "
        "throttles",
    ),
    ProbeStep.PING: (
        "the cache took the login, and did not answer PING in time",
        "try a longer --timeout, and look at the cache's load",
    ),
}

_WHY_NOT: Final[Mapping[FindingCode, str]] = {
    FindingCode.USER_NOT_IN_GROUP: "the user is not in the cache's user group",
    FindingCode.USER_MISSING: "there is no such user",
    FindingCode.USER_ID_NAME_MISMATCH: "the user's id and name differ",
    FindingCode.USER_DISABLED: "the user's access string is off",
    FindingCode.USER_NOT_IAM: "the user does not authenticate with IAM",
    FindingCode.PASSWORDLESS_USER: "the user does not authenticate with IAM",
    FindingCode.USER_NOT_ACTIVE: "the user is not active",
    FindingCode.ENGINE_MISMATCH: "the user is for another engine",
}
_OF_THE_CACHE: Final[Mapping[FindingCode, str]] = {
    FindingCode.NO_USER_GROUP: "no user group is attached to the cache",
    FindingCode.GROUP_MISSING: "the attached user group does not exist",
    FindingCode.GROUP_NOT_ACTIVE: "the attached user group is not active",
    FindingCode.GROUP_ENGINE_MISMATCH: "the attached user group is for another engine",
    FindingCode.ENGINE_TOO_OLD: "the cache's engine is too old for IAM",
}


def diagnose(failure: Failure | None, context: LoginContext) -> Diagnosis:
    """Say what a failure means; None is a login that succeeded."""
    if failure is None:
        return PROVED
    if failure.kind in (_K.WRONG_PASSWORD, _K.NOT_AUTHENTICATED):
        return _refusal(failure, context)
    if failure.kind is _K.NO_CREDENTIALS:
        cause = failure.detail or "there are no credentials to sign a token with"
        return Diagnosis(_UNPROVED, cause, "")
    if failure.kind is _K.TIMED_OUT:
        return Diagnosis(_UNREACHABLE, *_NO_ANSWER[failure.step])
    found = _DIAGNOSES[failure.kind]
    said = _blockers(context) if failure.kind is _K.NO_USER else failure.detail
    detail = f" ({said})" if said else ""
    return Diagnosis(found.outcome, f"{found.cause}{detail}", found.remedy)


def _blockers(context: LoginContext) -> str:
    """The codes of what keeps everybody out."""
    findings = context.judgement.findings if context.judgement is not None else ()
    return ", ".join(each.code for each in findings if each.severity is Severity.BLOCKER)


def _refusal(failure: Failure, context: LoginContext) -> Diagnosis:
    """AWS says WRONGPASS whatever the cause, so the likely ones are named in their order."""
    says = "WRONGPASS" if failure.kind is _K.WRONG_PASSWORD else "NOAUTH"
    causes = "; ".join(f"({i}) {each}" for i, each in enumerate(refusal_causes(context), start=1))
    if not context.as_teleport:
        cause = f"{says} with {context.signer}, which Teleport does not use; causes: {causes}"
        remedy = (
            "to prove what Teleport can do, set `connect` of the matcher to the role that it "
            "assumes, or allow elasticache:Connect here (`cachemuster policies member --probe`)"
        )
        return Diagnosis(_UNPROVED, cause, remedy)
    return Diagnosis(
        ProbeOutcome.REFUSED,
        f"{says} with {context.signer}; causes, the likeliest first: {causes}",
        "repair the first that holds; `cachemuster policies connect` prints what the role needs",
    )


def refusal_causes(context: LoginContext) -> tuple[str, ...]:
    """List what can cause a refusal, the likeliest first by what is known of the user."""
    return tuple(dict.fromkeys(_causes(context)))


def _causes(context: LoginContext) -> Iterator[str]:
    skew = context.clock_skew
    if skew is not None and abs(skew) >= CLOCK_TOLERANCE:
        yield f"this host's clock is {int(abs(skew).total_seconds())} s off AWS's"
    yield from _known(context)
    yield f"elasticache:Connect is not allowed to {context.signer} on the cache"
    yield "it is not allowed on the user"
    if not _is_ready(context):
        yield from (
            _WHY_NOT[code]
            for code in (
                FindingCode.USER_NOT_IN_GROUP,
                FindingCode.USER_ID_NAME_MISMATCH,
                FindingCode.USER_DISABLED,
            )
        )
    yield "the user or its group was changed a moment ago"
    if skew is None:
        yield "this host's clock is wrong"


def _known(context: LoginContext) -> Iterator[str]:
    """What the descriptions say against this user."""
    judgement = context.judgement
    if judgement is None:
        return
    for finding in judgement.findings:
        if finding.code in _OF_THE_CACHE:
            yield _OF_THE_CACHE[finding.code]
        elif finding.subject == context.user and finding.code in _WHY_NOT:
            yield _WHY_NOT[finding.code]
    if judgement.verdict is not IamVerdict.UNKNOWN and context.user not in judgement.users:
        yield _WHY_NOT[FindingCode.USER_NOT_IN_GROUP]


def _is_ready(context: LoginContext) -> bool:
    """True where the descriptions say that this user can log in."""
    return context.judgement is not None and context.user in context.judgement.users

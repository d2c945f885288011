"""Every document that can be printed, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from discovery.policies.aws import (
    connect_statements,
    hub_statements,
    read_statements,
    repair_statements,
)
from discovery.policies.cloudformation import connect_template, hub_template, member_template
from discovery.policies.connection import connection_of
from discovery.policies.database_service import service_configuration, service_statements
from discovery.policies.document import Json, Statement, policy_document, trust_document
from discovery.policies.events import event_pattern, event_template
from discovery.policies.teleport import access_role, bot, bot_role, tbot
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage, NotApplicable, trust_policy


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """Configuration and options that a document is printed for."""

    usage: AwsUsage
    account_id: str | None = None
    """None: for all accounts."""
    matcher: str | None = None
    """Whose connect role; None: the only one."""
    shards: int | None = None
    """How many processes there are, each with its queue; None: one queue."""
    service_role: str | None = None
    """ARN of the role that the Database Service runs as; None: a placeholder."""
    via: str | None = None
    """ARN of a role that the Database Service assumes before the one to connect with."""


Documents = Json | tuple[Json, ...]
"""One document, or several that belong together."""


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind of document. Its functions raise NotApplicable where it is of no use."""

    about: str
    make: Callable[[PolicyRequest], Documents]
    stack: Callable[[PolicyRequest], Json] | None = None
    """As CloudFormation; None where nothing of it is AWS's."""
    is_for_teleport: bool = False
    needs_identity: bool = True
    """False: it is the same whatever identity runs the agent."""


def _reading_in_member(request: PolicyRequest) -> tuple[Statement, ...]:
    return read_statements(request.usage, request.usage.account(request.account_id))


def _trust(request: PolicyRequest) -> Json:
    external_id = request.usage.member(request.account_id).external_id
    return trust_policy(request.usage.hub, external_id and placeholder(external_id))


def _connecting(request: PolicyRequest) -> tuple[Statement, ...]:
    connection = connection_of(request.usage, request.matcher)
    named = connection.account_id
    if request.account_id is not None and named not in (ANY_ACCOUNT, request.account_id):
        raise NotApplicable(f"The role to connect with is one of account {named}")
    account_id = named if request.account_id is None else request.account_id
    return connect_statements(request.usage, account_id, connection.matchers)


def _connect_trust(request: PolicyRequest) -> Json:
    """Trust of the role to connect with: the last role before it, and the agent where it probes.

    Teleport sends the external id with its first step only (control_plane/README: Permissions).
    """
    reference = connection_of(request.usage, request.matcher).external_id
    external_id = placeholder(reference) if reference is not None else None
    if request.via is not None:
        trust = trust_document(request.via, None)
    else:
        trust = trust_document(request.service_role or UNNAMED_SERVICE, external_id)
    if request.usage.probes:
        trust["Statement"] += trust_policy(request.usage.hub, external_id)["Statement"]
    return trust


UNNAMED_SERVICE: Final = "<the ARN of the role that the Database Service runs as>"

KINDS: Final[Mapping[str, DocumentKind]] = {
    "hub": DocumentKind(
        "policy of the role or user that cachemuster runs as",
        lambda request: policy_document(hub_statements(request.usage)),
        lambda request: hub_template(request.usage),
    ),
    "member": DocumentKind(
        "policy of the role that it assumes in other accounts",
        lambda request: policy_document(_reading_in_member(request)),
        lambda request: member_template(request.usage, request.account_id),
    ),
    "trust": DocumentKind("trust policy of that role", _trust),
    "connect": DocumentKind(
        "policy of the role with which Teleport connects",
        lambda request: policy_document(_connecting(request)),
        lambda request: connect_template(
            request.usage, connection_of(request.usage, request.matcher)
        ),
    ),
    "connect-trust": DocumentKind("who may assume that role", _connect_trust),
    "repairs": DocumentKind(
        "policy of whoever runs the script of `repairs`",
        lambda request: policy_document(
            repair_statements(request.usage, request.account_id or ANY_ACCOUNT)
        ),
    ),
    "database-service": DocumentKind(
        "policy of the Database Service's own role",
        lambda request: policy_document(
            service_statements(request.usage, request.account_id, via=request.via)
        ),
    ),
    "event-rule": DocumentKind(
        "event pattern; as CloudFormation, queue and rule",
        lambda request: event_pattern(request.usage),
        lambda request: event_template(request.usage, request.shards),
    ),
    "teleport-bot-role": DocumentKind(
        "role of the bot that registers databases",
        lambda request: bot_role(request.usage),
        is_for_teleport=True,
        needs_identity=False,
    ),
    "teleport-access-role": DocumentKind(
        "role of people who connect to them",
        lambda request: access_role(request.usage),
        is_for_teleport=True,
        needs_identity=False,
    ),
    "teleport-bot": DocumentKind(
        "the bot, and the token by which it joins",
        lambda request: bot(request.usage),
        is_for_teleport=True,
    ),
    "tbot": DocumentKind(
        "tbot's own configuration",
        lambda request: tbot(request.usage),
        is_for_teleport=True,
        needs_identity=False,
    ),
    "database-service-config": DocumentKind(
        "teleport.yaml of a Database Service",
        lambda request: service_configuration(request.usage),
        is_for_teleport=True,
        needs_identity=False,
    ),
}
"""Every document by its name on the command line."""


def statement_allowing(action: str, usage: AwsUsage, account_id: str | None) -> Statement | None:
    """Find the statement that allows an action to the agent, or to its role in an account.

    `account_id`: None for the agent's own identity. Returns None when no document has the action.
    """
    own = account_id is None or (account_id == usage.hub.account_id and usage.scans_own_account)
    statements = hub_statements(usage) if own else read_statements(usage, account_id or ANY_ACCOUNT)
    return next((each for each in statements if action in each.actions), None)


def placeholder(reference: str) -> str:
    """Text in place of an external id, which is never printed.

    No caller can send it, so a role made with it admits nobody.
    """
    return f"<the value of {reference}>"


def references(document: Any) -> tuple[str, ...]:
    """References of the secrets whose placeholders are in a document."""
    begin, end = placeholder("|").split("|")
    texts = [text for text in _texts(document) if text.startswith(begin) and text.endswith(end)]
    return tuple(text[len(begin) : -len(end)] for text in texts)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value
    return [text for each in inner for text in _texts(each)] if _is_tree(value) else []


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)

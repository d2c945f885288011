"""Every document that can be asked for, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from discovery.policies.aws import connecting, hub, reading
from discovery.policies.cloudformation import connect_template, hub_template, member_template
from discovery.policies.connection import connection_of
from discovery.policies.document import Json, Statement, policy_document
from discovery.policies.events import event_pattern, event_template
from discovery.policies.teleport import access_role, bot, bot_role, tbot
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage, NotApplicable, trusting


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What a document is asked for."""

    usage: AwsUsage
    account_id: str | None = None
    """None: for all accounts."""
    matcher: str | None = None
    """Whose connect role; None: the only one."""
    shards: int | None = None
    """How many processes there are, each with its queue; None: one queue."""


Made = Json | tuple[Json, ...]
"""One document, or several that belong together."""


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One document. Its makers raise NotApplicable where the configuration has no use for it."""

    about: str
    make: Callable[[PolicyRequest], Made]
    stack: Callable[[PolicyRequest], Json] | None = None
    """As CloudFormation; None where nothing of it is AWS's."""
    is_for_teleport: bool = False
    names_agent: bool = True
    """False: it is the same whoever runs the agent."""


def _reading_in_member(asked: PolicyRequest) -> tuple[Statement, ...]:
    return reading(asked.usage, asked.usage.account(asked.account_id))


def _trust(asked: PolicyRequest) -> Json:
    external_id = asked.usage.member(asked.account_id).external_id
    return trusting(asked.usage.hub, external_id and placeholder(external_id))


def _connecting(asked: PolicyRequest) -> tuple[Statement, ...]:
    connection = connection_of(asked.usage, asked.matcher)
    named = connection.account_id
    if asked.account_id is not None and named not in (ANY_ACCOUNT, asked.account_id):
        raise NotApplicable(f"The role to connect with is one of account {named}")
    account_id = named if asked.account_id is None else asked.account_id
    return connecting(asked.usage, account_id, connection.matchers)


KINDS: Final[Mapping[str, DocumentKind]] = {
    "hub": DocumentKind(
        "policy of the role or user that cachemuster runs as",
        lambda asked: policy_document(hub(asked.usage)),
        lambda asked: hub_template(asked.usage),
    ),
    "member": DocumentKind(
        "policy of the role that it takes on in other accounts",
        lambda asked: policy_document(_reading_in_member(asked)),
        lambda asked: member_template(asked.usage, asked.account_id),
    ),
    "trust": DocumentKind("trust policy of that role", _trust),
    "connect": DocumentKind(
        "policy of the role with which Teleport connects",
        lambda asked: policy_document(_connecting(asked)),
        lambda asked: connect_template(asked.usage, connection_of(asked.usage, asked.matcher)),
    ),
    "event-rule": DocumentKind(
        "event pattern; as CloudFormation, queue and rule",
        lambda asked: event_pattern(asked.usage),
        lambda asked: event_template(asked.usage, asked.shards),
    ),
    "teleport-bot-role": DocumentKind(
        "role of the bot that registers databases",
        lambda asked: bot_role(asked.usage),
        is_for_teleport=True,
        names_agent=False,
    ),
    "teleport-access-role": DocumentKind(
        "role of people who connect to them",
        lambda asked: access_role(asked.usage),
        is_for_teleport=True,
        names_agent=False,
    ),
    "teleport-bot": DocumentKind(
        "the bot, and the token by which it joins",
        lambda asked: bot(asked.usage),
        is_for_teleport=True,
    ),
    "tbot": DocumentKind(
        "tbot's own configuration",
        lambda asked: tbot(asked.usage),
        is_for_teleport=True,
        names_agent=False,
    ),
}


def statement_allowing(action: str, usage: AwsUsage, account_id: str | None) -> Statement | None:
    """The statement that allows the action to the agent, or to its role in another account; None
    when no document of this configuration has it."""
    own = account_id is None or (account_id == usage.hub.account_id and usage.scans_own_account)
    statements = hub(usage) if own else reading(usage, account_id or ANY_ACCOUNT)
    return next((each for each in statements if action in each.actions), None)


def placeholder(reference: str) -> str:
    """What stands for an external id, which is never printed. No caller can send it, so a role
    made with it lets nobody in."""
    return f"<the value of {reference}>"


def references(document: Any) -> tuple[str, ...]:
    """The secrets whose placeholders stand in a document."""
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

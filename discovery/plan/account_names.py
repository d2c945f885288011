"""How accounts are called: by the configuration, else by their organization (R1). Pure.

A name that was not read this time is the one that was read last, so that no label depends on
whether an organization answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discovery.model.values import UNKNOWN, AccountId, UnknownType
from discovery.plan.rules import Rules


@dataclass(frozen=True, slots=True)
class ListedNames:
    """Names of the accounts that the configured organizations listed in one run."""

    names: Mapping[AccountId, str | UnknownType] = field(default_factory=dict)
    """UNKNOWN where the list had no name that is fit for one."""
    complete: bool = False
    """True when every list was read to its end, or there is none to read."""


NOT_LISTED = ListedNames()


def names_to_remember(
    rules: Rules, remembered: Mapping[AccountId, str], listed: ListedNames
) -> Mapping[AccountId, str]:
    """Choose the names for state to keep: those read now, else last; nothing of the configuration.

    An account that no complete list has is in no organization any more, so nobody names it.
    """
    if not rules.uses_account_names:
        return {}
    kept = {
        account_id: name
        for account_id, name in remembered.items()
        if not listed.complete or account_id in listed.names
    }
    read = {each: name for each, name in listed.names.items() if name is not UNKNOWN}
    return kept | read


def known_names(
    rules: Rules, remembered: Mapping[AccountId, str], listed: ListedNames = NOT_LISTED
) -> Mapping[str, str]:
    """Return the names of accounts: configured, else read now, else read last."""
    if not rules.uses_account_names:
        return {}
    of_organizations = names_to_remember(rules, remembered, listed)
    return {str(each): name for each, name in of_organizations.items()} | {**rules.account_names}

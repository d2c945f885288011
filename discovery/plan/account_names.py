"""How accounts are called: by their organization, else by the configuration (R1). Pure.

A name that was not read this time is the one that was read last, so that no label depends on
whether an organization answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discovery.model.values import UNKNOWN, AccountId, UnknownType
from discovery.plan.rules import Rules
from state.records import RememberedAccount


@dataclass(frozen=True, slots=True)
class ListedNames:
    """Names of the accounts that the configured organizations listed in one run."""

    names: Mapping[AccountId, str | UnknownType] = field(default_factory=dict)
    """UNKNOWN where the list had no name that is fit for one."""
    complete: bool = False
    """True when every list was read to its end, or there is none to read."""


NOT_LISTED = ListedNames()


def known_names(
    rules: Rules, remembered: Mapping[AccountId, str], listed: ListedNames = NOT_LISTED
) -> Mapping[str, str]:
    """Return the names of accounts: read now, else read last, else configured."""
    if not rules.uses_account_names:
        return {}
    forgotten = accounts_forgotten(rules, remembered, listed)
    names = {str(each): name for each, name in remembered.items() if each not in forgotten}
    names |= {str(each): name for each, name in listed.names.items() if name is not UNKNOWN}
    return {**rules.account_names, **names}


def accounts_read(
    rules: Rules, remembered: Mapping[AccountId, str], listed: ListedNames
) -> tuple[RememberedAccount, ...]:
    """Find the names for state to remember anew; those of the configuration are not among them."""
    if not rules.uses_account_names:
        return ()
    return tuple(
        RememberedAccount(account_id=account_id, name=name)
        for account_id, name in listed.names.items()
        if name is not UNKNOWN and name != remembered.get(account_id)
    )


def accounts_forgotten(
    rules: Rules, remembered: Mapping[AccountId, str], listed: ListedNames
) -> frozenset[AccountId]:
    """Find the accounts whose names to forget: no complete list has them any more."""
    if not rules.uses_account_names:
        return frozenset(remembered)
    return frozenset(remembered.keys() - listed.names.keys()) if listed.complete else frozenset()

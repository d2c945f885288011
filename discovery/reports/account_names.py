"""How an account is called in every form of a report: by its name, where that is known, and id."""

from __future__ import annotations

from collections.abc import Mapping

from discovery.model.values import Scope
from discovery.reports.report import Report


def account_label(report: Report, account_id: str) -> str:
    """Name an account of a report: `payments (111122223333)`, without a known name the id alone.

    A name is text from outside: whoever prints it escapes it like a tag.
    """
    return account_text(account_id, report.account_names)


def account_text(account_id: str, names: Mapping[str, str]) -> str:
    """Name an account: `payments (111122223333)`, without a known name the id alone."""
    name = names.get(account_id)
    return f"{name} ({account_id})" if name else account_id


def scope_text(scope: Scope, names: Mapping[str, str]) -> str:
    """Name a scope: `payments 111122223333/eu-west-1`, without a known name the scope alone."""
    name = names.get(scope.account_id)
    return f"{name} {scope}" if name else str(scope)

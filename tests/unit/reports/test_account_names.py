"""How accounts and scopes are called in reports."""

from __future__ import annotations

import pytest

from discovery.model.values import AccountId, Region, Scope
from discovery.reports.account_names import account_label, account_text, scope_text
from tests.support.report_samples import report

NAMES = {"111122223333": "payments", "444455556666": ""}


@pytest.mark.parametrize(
    ("account_id", "text"),
    [
        ("111122223333", "payments (111122223333)"),
        ("444455556666", "444455556666"),
        ("777788889999", "777788889999"),
    ],
)
def test_an_account_is_called_by_its_name_and_id(account_id: str, text: str) -> None:
    assert account_text(account_id, NAMES) == text
    assert account_label(report(account_names=NAMES), account_id) == text


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (Scope(AccountId("111122223333"), Region("eu-west-1")), "payments 111122223333/eu-west-1"),
        (Scope(AccountId("111122223333"), None), "payments 111122223333"),
        (Scope(AccountId("777788889999"), Region("eu-west-1")), "777788889999/eu-west-1"),
    ],
)
def test_a_scope_is_called_by_the_name_of_its_account(scope: Scope, text: str) -> None:
    assert scope_text(scope, NAMES) == text

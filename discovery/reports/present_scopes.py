"""Which scopes a whole sweep leaves in place."""

from __future__ import annotations

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Scanned, Skipped
from discovery.reports.report import Report


class PresentScopes:
    """Scopes, by account and region, that are not gone after a whole sweep.

    Absence counts only where the list of regions, or of accounts, was read (R1).
    """

    def __init__(self, report: Report) -> None:
        self._listed = {each.scope.key for each in report.scopes if not is_region_disabled(each)}
        self._accounts = {each.scope.account_id for each in report.scopes}
        self._unread = {
            each.scope.account_id for each in report.scopes if each.scope.region is None
        }
        self._is_partial = report.error is not None or report.interrupted

    def __contains__(self, key: tuple[str, str]) -> bool:
        account_id = AccountId(key[0])
        unlisted = account_id not in self._accounts and bool(self._unread)
        return key in self._listed or unlisted or account_id in self._unread or self._is_partial


def is_region_disabled(scanned: Scanned) -> bool:
    """Tell whether the account does not have the region enabled."""
    return isinstance(scanned, Skipped) and scanned.reason is ScopeReason.REGION_NOT_ENABLED

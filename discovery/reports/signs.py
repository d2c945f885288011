"""The sign of each action, scope status and severity; it stands beside a word in every form."""

from __future__ import annotations

from typing import Final

from discovery.model.codes import Action, ScopeStatus, Severity

SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.KEEP: "=",
    Action.SKIPPED: ".",
    Action.BLOCKED: "!",
    Action.CONFLICT: "!",
    Action.HELD: "?",
}

SCOPE_SIGNS: Final = {
    ScopeStatus.COMPLETE: "=",
    ScopeStatus.FAILED: "!",
    ScopeStatus.SKIPPED: ".",
}

SEVERITY_SIGNS: Final = {Severity.BLOCKER: "!", Severity.WARNING: "?", Severity.INFO: "."}

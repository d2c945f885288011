"""Put verdicts into words. Values are as AWS gave them: whoever prints them escapes them."""

from __future__ import annotations

from matchers.evaluate import Condition, ConditionKind, MatchResult, Verdict, VerdictKind
from matchers.keys import DISCOVERY_KEYS


def explain(outcome: MatchResult) -> tuple[str, ...]:
    """Write one sentence for each matcher that was asked, in their order."""
    return tuple(sentence(verdict) for verdict in outcome.verdicts)


def sentence(verdict: Verdict) -> str:
    """Write what one matcher says of the cache, and why."""
    who = f"matcher {verdict.matcher}"
    match verdict.kind:
        case VerdictKind.TAKES:
            return f"{who} takes it"
        case VerdictKind.EXCLUDES:
            return f"{who} excludes it: {_listed(verdict.failed)}"
        case VerdictKind.REFUSES:
            return f"{who} does not take it: {_listed(verdict.failed)}"
        case VerdictKind.UNDECIDED:
            return f"{who} cannot tell yet: {_listed(verdict.unknown)}"


def _listed(conditions: tuple[Condition, ...]) -> str:
    return "; ".join(_clause(condition) for condition in conditions)


def _clause(condition: Condition) -> str:
    what = _what(condition)
    if condition.kind is ConditionKind.TAG and not condition.key:
        return "its tag selector is empty"
    if condition.found is None:
        return f"it has no {what} (wanted: {_choice(condition.wanted)})"
    if not isinstance(condition.found, str):
        return f"the {what} could not be read (matters: {_choice(condition.wanted)})"
    if condition.kind is ConditionKind.EXCLUDE_TAG:
        return f"its {what} is {_quoted(condition.found)} (excluded: {_choice(condition.wanted)})"
    return f"its {what} is {_quoted(condition.found)} (wanted: {_choice(condition.wanted)})"


def _what(condition: Condition) -> str:
    if condition.kind in (ConditionKind.TAG, ConditionKind.EXCLUDE_TAG):
        noun = "label" if condition.key in DISCOVERY_KEYS else "tag"
        return f"{noun} {condition.key}"
    return condition.kind.value


def _choice(wanted: tuple[str, ...]) -> str:
    return " or ".join(_quoted(value) for value in wanted)


def _quoted(value: str) -> str:
    return f'"{value}"'

"""What the parts of the page have in common: signs with their words, places, headings.

A colour never stands alone: a sign and a word stand with it.
"""

from __future__ import annotations

import re
from typing import Final

from discovery.model.codes import IamVerdict, Severity
from discovery.model.values import Scope
from discovery.plan.item import Item
from discovery.reports.html.markup import Child, Html, element, joined, text
from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, shortened
from discovery.reports.signs import SEVERITY_SIGNS, SIGNS

VERDICT_SIGNS: Final = {
    IamVerdict.READY: "=",
    IamVerdict.NOT_READY: "!",
    IamVerdict.UNKNOWN: "?",
}
VERDICT_WORDS: Final = {
    IamVerdict.READY: "ready",
    IamVerdict.NOT_READY: "not ready",
    IamVerdict.UNKNOWN: "unknown",
}
_CODE: Final = re.compile("`([^`]+)`")
UNJUDGED: Final = "not judged"


def name_of(item: Item) -> Html:
    """The cache's name, or the resource's where there is no cache."""
    return text(item.cache or item.name or item.arn or "?", limit=NAME_LIMIT)


def place_of(scope: Scope) -> str:
    """`111122223333 · eu-west-1`"""
    return " · ".join(part for part in (scope.account_id, scope.region) if part)


def message(words: str) -> Html:
    """A message in full, but for monsters; what it sets in backticks is code."""
    parts = _CODE.split(shortened(words, MESSAGE_LIMIT))
    return joined(
        code(part, limit=MESSAGE_LIMIT) if place % 2 else part for place, part in enumerate(parts)
    )


def code(words: str, *, limit: int = NAME_LIMIT) -> Html:
    """A name, id or code."""
    return element("code", text(words, limit=limit))


def badge(sign: str, words: Child, kind: str) -> Html:
    """A sign and a word in the colour of a kind; the sign is for eyes only."""
    mark = element("span", sign, class_="sign", aria_hidden="true")
    return element("span", mark, " ", words, class_=f"badge is-{kind}")


def action_badge(item: Item) -> Html:
    return badge(SIGNS[item.action], item.action.value, item.action.value)


def verdict_badge(item: Item) -> Html:
    if item.iam is None:
        return badge(".", UNJUDGED, "quiet")
    verdict = item.iam.verdict
    return badge(VERDICT_SIGNS[verdict], VERDICT_WORDS[verdict], verdict.value)


def severity_badge(severity: Severity) -> Html:
    return badge(SEVERITY_SIGNS[severity], severity.value, severity.value)


def section_title(title: str, remark: str = "", *, level: str = "h2") -> Html:
    """A heading with a quiet remark beside it."""
    quiet = element("small", remark) if remark else None
    return element(level, title, " " if remark else None, quiet)

"""Patterns for values, lists of them, and maps of them for tags.

The semantics are Teleport's (control_plane/README: Tag matchers), with two differences: a broken
expression and an empty list are refused instead of silently matching nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import re2

EXPRESSION_MEMORY_BYTES = 1 << 20
"""RE2 gives an expression at most this much; enough for thousands of alternatives."""


class InvalidPattern(ValueError):
    """A pattern, or a list of them, that cannot be used. The message is for its author."""


class PatternKind(StrEnum):
    """How a pattern is read."""

    LITERAL = "literal"
    GLOB = "glob"
    EXPRESSION = "expression"


def _kind(text: str) -> PatternKind:
    if text.startswith("^") and text.endswith("$"):
        return PatternKind.EXPRESSION
    return PatternKind.GLOB if "*" in text else PatternKind.LITERAL


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that another text either matches or does not.

    Upper and lower case differ unless `ignores_case`.

    `^…$` is an RE2 expression, used as it stands: `^a|b$` takes what begins with `a` and what
    ends in `b`. Everything else is literal but for `*`, any run of characters, and has to match
    the whole value.

    Raises: InvalidPattern for an expression that RE2 does not accept.
    """

    text: str
    ignores_case: bool = field(default=False, kw_only=True)
    kind: PatternKind = field(init=False)
    _expression: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kind = _kind(self.text)
        is_expression = kind is PatternKind.EXPRESSION
        compiled = _compile(self.text, ignores_case=self.ignores_case) if is_expression else None
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "_expression", compiled)

    @property
    def takes_all(self) -> bool:
        """True for `*`."""
        return self.text == "*"

    def matches(self, value: str) -> bool:
        """True when `value` matches. No pattern makes this slow: RE2 does not backtrack."""
        if self.text == "*":
            return True
        if self.kind is PatternKind.EXPRESSION:
            return self._expression.search(value.encode("utf-8", "replace")) is not None
        text = self.text
        if self.ignores_case:
            text, value = text.lower(), value.lower()
        return value == text if self.kind is PatternKind.LITERAL else _glob_matches(text, value)


def _compile(text: str, *, ignores_case: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = not ignores_case
    options.log_errors = False  # RE2 prints to stderr otherwise
    options.max_mem = EXPRESSION_MEMORY_BYTES
    try:
        return re2.compile(text.encode("utf-8"), options=options)
    except UnicodeEncodeError as error:
        raise InvalidPattern("the expression holds half of a surrogate pair") from error
    except re2.error as error:
        raise InvalidPattern(f"not a valid RE2 expression: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    detail = error.args[0] if error.args else b""
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)


def _glob_matches(glob: str, value: str) -> bool:
    first, *middle, last = glob.split("*")
    if len(value) < len(first) + len(last):
        return False
    if not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:  # the leftmost fit of each part leaves the most room for the next
        at = value.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


@dataclass(frozen=True, slots=True)
class Selector:
    """A list of patterns; one that matches is enough."""

    patterns: tuple[Pattern, ...]

    @classmethod
    def of(cls, values: Iterable[str], *, ignores_case: bool = False) -> Self:
        """Make a selector of at least one pattern.

        Raises: InvalidPattern for an empty list or a broken expression.
        """
        patterns = tuple(Pattern(value, ignores_case=ignores_case) for value in values)
        if not patterns:
            raise InvalidPattern("an empty list selects nothing")
        return cls(patterns)

    @property
    def texts(self) -> tuple[str, ...]:
        """The patterns as they were written."""
        return tuple(pattern.text for pattern in self.patterns)

    def matches(self, value: str) -> bool:
        """True when one of the patterns matches `value`."""
        return any(pattern.matches(value) for pattern in self.patterns)


ANY = Selector.of(["*"])


@dataclass(frozen=True, slots=True)
class TagSelector:
    """The labels that a wanted cache has: every key, with a value that its selector takes.

    `{"*": ["*"]}` takes everything, and the keys beside it do not count.
    """

    requirements: tuple[tuple[str, Selector], ...]

    @classmethod
    def of(cls, tags: Mapping[str, Iterable[str]]) -> Self:
        """Make a tag selector; no keys at all select nothing, as in Teleport.

        Raises: InvalidPattern for an empty list or a broken expression.
        """
        return cls(_requirements(tags))

    @property
    def is_everything(self) -> bool:
        """True when every cache matches."""
        return _takes_everything(self.requirements)


@dataclass(frozen=True, slots=True)
class TagExclusion:
    """The labels that keep a cache out: one key with a value its selector takes is enough.

    So `{teleport: "off", env: test}` excludes a cache with either tag, not only one with both.
    """

    requirements: tuple[tuple[str, Selector], ...]

    @classmethod
    def of(cls, tags: Mapping[str, Iterable[str]]) -> Self:
        """Make an exclusion; no keys exclude nothing.

        Raises: InvalidPattern for an empty list, a broken expression, or `{"*": ["*"]}`, which
            excludes every cache there is.
        """
        requirements = _requirements(tags)
        if _takes_everything(requirements):
            raise InvalidPattern('"*": "*" excludes every cache')
        return cls(requirements)


def _requirements(tags: Mapping[str, Iterable[str]]) -> tuple[tuple[str, Selector], ...]:
    return tuple((key, Selector.of(values)) for key, values in tags.items())


def _takes_everything(requirements: tuple[tuple[str, Selector], ...]) -> bool:
    return any(key == "*" and wanted.texts == ("*",) for key, wanted in requirements)


ALL_TAGS = TagSelector.of({"*": ["*"]})
NO_EXCLUSION = TagExclusion.of({})

"""AWS CLI lines that can be pasted safely whatever ids are in them. Pure.

Written for a POSIX shell and for both versions of the AWS CLI. Quoting alone is not enough: the
CLI takes a value that begins with `-` for an option, one that begins with `[` or `{` for JSON,
and reads the file or page that one like `file://…` names. A terminal acts on control characters
even inside quotes. What holds any of that goes as one ASCII JSON document, which the CLI takes
literally.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Final

Value = str | bool | tuple[str, ...] | Mapping[str, str]
"""A member of a request; a mapping holds words of our own only."""

_LITERAL: Final = re.compile(r"(?![-\[{ ]|(?i:fileb?|https?)://)[ -~]+")
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


def command(
    operation: str, members: Mapping[str, Value], *, region: str, query: str | None = None
) -> str:
    """Write one `aws elasticache` line: operation, members, region.

    `members` are named as in the API. `query` picks what is printed. `region` is that of a parsed
    ARN: letters, digits and hyphens.
    """
    words = ["aws", "elasticache", operation, *options(members), "--region", region]
    if query is not None:
        words += ["--query", query, "--output", "text"]
    return shlex.join(words)


def options(members: Mapping[str, Value]) -> list[str]:
    """Write the members of a request as words of a command, not quoted yet."""
    if not all(_is_literal(value) for value in members.values()):
        return ["--cli-input-json", json.dumps(members)]
    return [word for name, value in members.items() for word in (_option(name), *_words(value))]


def _is_literal(value: Value) -> bool:
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    return all(_LITERAL.fullmatch(text) for text in texts)


def _option(name: str) -> str:
    """`UserIdsToAdd` is `--user-ids-to-add`."""
    return "--" + _WORD_START.sub("-", name).lower()


def _words(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple):
        return value
    return (",".join(f"{key}={each}" for key, each in value.items()),)

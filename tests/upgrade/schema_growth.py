"""What a reader of documents would miss in a newer schema of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_SAME = ("type", "const", "format", "pattern", "minimum", "maximum", "$ref")
"""Keywords that a newer schema keeps as they are."""
_BRANCHES = ("anyOf", "oneOf")


def losses(old: Schema, new: Schema, path: str = "") -> Iterator[str]:
    """Yield what documents of the old schema had for certain, and those of the new one may lack.

    Members may be added, and values of lists of codes.
    """
    for keyword in _SAME:
        if keyword in old and old[keyword] != new.get(keyword):
            yield f"{path or '/'}: {keyword} was {old[keyword]}, is {new.get(keyword)}"
    for keyword in ("enum", "required"):
        for value in old.get(keyword, ()):
            if value not in new.get(keyword, ()):
                yield f"{path or '/'}: {value} is gone from {keyword}"
    for keyword in ("properties", "$defs"):
        for name, member in old.get(keyword, {}).items():
            if name in new.get(keyword, {}):
                yield from losses(member, new[keyword][name], f"{path}/{name}")
            else:
                yield f"{path}/{name}: is gone"
    if "items" in old:
        yield from losses(old["items"], new.get("items", {}), f"{path}/*")
    for keyword in _BRANCHES:
        yield from _of_branches(old.get(keyword, ()), new.get(keyword, ()), path)
    for rule in old.get("allOf", ()):
        yield from _of_rule(rule, new.get("allOf", ()), path)


def _of_branches(old: Any, new: Any, path: str) -> Iterator[str]:
    """Each kind of value has its branch; one may be added nowhere, since readers do not know it."""
    if len(old) != len(new):
        yield f"{path or '/'}: had {len(old)} kinds of values, has {len(new)}"
        return
    for before, after in zip(old, new, strict=True):
        yield from losses(before, after, path)


def _of_rule(rule: Schema, new: Any, path: str) -> Iterator[str]:
    """A rule with `if` holds on under the same condition."""
    same = [each for each in new if each.get("if") == rule.get("if")]
    if not same:
        yield f"{path or '/'}: the rule for {rule.get('if')} is gone"
        return
    yield from losses(rule.get("then", {}), same[0].get("then", {}), path)

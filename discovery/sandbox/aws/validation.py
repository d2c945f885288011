"""Checks of a request against the service model: required members, ranges, patterns, enums."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from discovery.sandbox.aws.errors import CommonError, CommonErrorKind

_SIZED = ("string", "list", "map", "blob")


def check_members(
    shape: Shape | None, members: Mapping[str, Any], *, unchecked: frozenset[str]
) -> None:
    """Check the input against the model; members named in `unchecked` may have any value.

    Raises CommonError(MISSING_MEMBER) or CommonError(INVALID_MEMBER), in the words AWS uses.
    """
    if not isinstance(shape, StructureShape):
        return
    _check_required(shape, members, ())
    for path, member, value in _walk(shape, members, ()):
        if path[0] not in unchecked:
            _check_value(".".join(_lower_first(part) for part in path), member, value)


def _walk(
    shape: StructureShape, members: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Shape, Any]]:
    for name, value in members.items():
        yield from _walk_value(shape.members[name], value, (*path, name))


def _walk_value(
    shape: Shape, value: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Shape, Any]]:
    yield path, shape, value
    if isinstance(shape, StructureShape):
        _check_required(shape, value, path)
        yield from _walk(shape, value, path)
    elif isinstance(shape, ListShape):
        for number, each in enumerate(value, start=1):
            yield from _walk_value(shape.member, each, (*path, str(number), "member"))
    elif isinstance(shape, MapShape):
        for key, each in value.items():
            yield from _walk_value(shape.key, key, (*path, "key"))
            yield from _walk_value(shape.value, each, (*path, "value"))


def _check_required(
    shape: StructureShape, members: Mapping[str, Any], path: tuple[str, ...]
) -> None:
    for name in shape.required_members:
        if members.get(name) is None:
            where = ".".join((*path, name))
            raise CommonError(
                CommonErrorKind.MISSING_MEMBER, f"The request must contain the parameter {where}."
            )


def _check_value(where: str, shape: Shape, value: Any) -> None:
    violation = next(_broken(shape, value), None)
    if violation is not None:
        raise CommonError(
            CommonErrorKind.INVALID_MEMBER,
            f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy "
            f"constraint: Member must {violation}",
        )


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    rules = shape.metadata
    measure, kind = (len(value), "length") if shape.type_name in _SIZED else (value, "value")
    if "min" in rules and measure < rules["min"]:
        yield f"have {kind} greater than or equal to {rules['min']}"
    if "max" in rules and measure > rules["max"]:
        yield f"have {kind} less than or equal to {rules['max']}"
    pattern = rules.get("pattern")
    if pattern and (compiled := _compiled(pattern)) and not compiled.fullmatch(value):
        yield f"satisfy regular expression pattern: {pattern}"
    if rules.get("enum") and value not in rules["enum"]:
        yield f"satisfy enum value set: [{', '.join(rules['enum'])}]"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    if r"\p{" in pattern:  # Unicode classes, which Python's expressions do not have
        return None
    return re.compile(pattern, re.DOTALL)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]

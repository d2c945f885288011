"""Form-encoded requests: `Tags.Tag.1.Key=team` read back into the model's members.

Both the query and the ec2 protocol flatten their input like this; they differ in the names.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, Shape, StructureShape

from discovery.sandbox.aws.errors import CommonError, CommonErrorKind

Tree = dict[str, Any]
MemberName = Callable[[str, Shape], str]
"""The wire name of a structure's member."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


@lru_cache(maxsize=64)  # operation and members are read from it one after the other
def fields(body: bytes) -> Mapping[str, str]:
    """Return the form's fields; of a repeated one the first. Raises CommonError(MALFORMED)."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10_000
        )
    except ValueError as error:
        raise CommonError(CommonErrorKind.MALFORMED, "The body is not a valid form") from error
    return dict(reversed(pairs))


def tree(flat: Mapping[str, str]) -> Tree:
    """Return `a.b.1=x` as nested mappings.

    Raises CommonError(MALFORMED) for a name that is both a value and a structure.
    """
    root: Tree = {}
    for path, value in flat.items():
        node = root
        *parents, leaf = path.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise CommonError(
                    CommonErrorKind.MALFORMED, f"{parent} is both a value and a structure"
                )
        if isinstance(node.setdefault(leaf, value), dict):
            raise CommonError(CommonErrorKind.MALFORMED, f"{leaf} is both a value and a structure")
    return root


class FormReader:
    """Reads members by the model, with a protocol's way of naming them."""

    def __init__(self, member_name: MemberName, *, lists_are_flat: bool) -> None:
        self._member_name = member_name
        self._known: dict[Shape, tuple[tuple[str, str, Shape], ...]] = {}
        self._lists_are_flat = lists_are_flat

    def structure(self, shape: StructureShape, node: Tree) -> dict[str, Any]:
        """Return the members of `shape` that `node` has."""
        return {
            name: self._value(member, node[wire_name], name)
            for wire_name, name, member in self._members(shape)
            if wire_name in node
        }

    def _members(self, shape: StructureShape) -> tuple[tuple[str, str, Shape], ...]:
        """Return wire name, name and shape of every member; the model is asked once."""
        if shape not in self._known:
            self._known[shape] = tuple(
                (self._member_name(name, member), name, member)
                for name, member in shape.members.items()
            )
        return self._known[shape]

    def _value(self, shape: Shape, node: Any, name: str) -> Any:
        if isinstance(shape, StructureShape):
            return self.structure(shape, _as_tree(node, name))
        if isinstance(shape, ListShape):
            return self._list(shape, node, name)
        if isinstance(shape, MapShape):
            return self._map(shape, node, name)
        if isinstance(node, dict):
            raise CommonError(
                CommonErrorKind.MALFORMED,
                f"Start of structure or map found where not expected: {name}",
            )
        return scalar(shape, node, name)

    def _list(self, shape: ListShape, node: Any, name: str) -> list[Any]:
        if node == "":  # how an empty list is sent
            return []
        node = _as_tree(node, name)
        if not (self._lists_are_flat or shape.serialization.get("flattened")):
            item = shape.member.serialization.get("name", "member")
            node = _as_tree(node.get(item, node.get("member", {})), name)
        return [self._value(shape.member, each, name) for each in _in_order(node, name)]

    def _map(self, shape: MapShape, node: Any, name: str) -> dict[str, Any]:
        entries = _as_tree(node, name)
        entries = entries.get("entry", entries)
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        found = {}
        for entry in _in_order(_as_tree(entries, name), name):
            pair = _as_tree(entry, name)
            key = self._value(shape.key, pair.get(key_name, ""), name)
            found[key] = self._value(shape.value, pair.get(value_name, ""), name)
        return found


def _as_tree(node: Any, name: str) -> Tree:
    if node == "":
        return {}
    if not isinstance(node, dict):
        raise CommonError(
            CommonErrorKind.MALFORMED,
            f"Unexpected value where a structure or list is expected: {name}",
        )
    return node


def _in_order(node: Tree, name: str) -> list[Any]:
    try:
        return [node[index] for index in sorted(node, key=int)]
    except ValueError as error:
        raise CommonError(
            CommonErrorKind.MALFORMED, f"Key is not valid for a list: {name}"
        ) from error


def scalar(shape: Shape, text: str, name: str) -> Any:
    """Return `text` as the model's type. Raises CommonError(MALFORMED) for another type."""
    try:
        return _typed(shape.type_name, text)
    except ValueError as error:
        raise CommonError(
            CommonErrorKind.MALFORMED, f"{text!r} is not a valid {shape.type_name}: {name}"
        ) from error


def _typed(type_name: str, text: str) -> Any:
    if type_name in ("integer", "long"):
        if not _NUMBER.fullmatch(text):
            raise ValueError(text)
        return int(text)
    if type_name in ("float", "double"):
        return float(text)
    if type_name == "boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if type_name == "timestamp":
        return datetime.fromisoformat(text)
    return text

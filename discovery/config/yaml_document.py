"""A YAML or JSON file as plain data, with the line and column of everything in it.

What YAML 1.1 reads as something else than its characters (`10:30`, `0123`, dates) becomes a
`YamlSurprise`, which fits nowhere; so the person is told to put it in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from discovery.config.problems import Path, Problem, quoted

MAX_DEPTH = 32
MAX_VALUES = 200_000
"""Values after aliases are followed, so that a few lines cannot stand for billions."""

_YAML = "tag:yaml.org,2002:"
_TRUE = ("yes", "on", "true")
_SINKS: Path = ("service", "notify")
"""Where `on` is a key of ours, though YAML 1.1 reads it as true."""
_READINGS = {
    "int": "a number in another notation",
    "float": "a number in another notation",
    "timestamp": "a date",
    "value": "a special sign",
    "merge": "a merge key",
}


class Unreadable(Exception):
    """The text is no document; one problem says why, and where reading stopped."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.problem = Problem(message, line=line, column=column)

    @classmethod
    def at(cls, mark: Mark, message: str) -> Unreadable:
        """Make the error for what is wrong at this mark."""
        return cls(message, mark.line + 1, mark.column + 1)


class _Loader(yaml.SafeLoader):
    """Counts how deep it is, and stops long before Python's own stack ends."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if parent is not None and self.depth > MAX_DEPTH:
            raise Unreadable.at(parent.start_mark, "nested too deep")
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(text: str) -> Node:
    """Parse the only document in `text` into a tree of nodes.

    Raises: Unreadable when it is no YAML, nested too deep, empty, or more than one document.
    """
    try:
        loader = _Loader(_without_tabs(text))
        root = loader.get_node() if loader.check_node() else None
        another = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        raise _from_yaml(error) from error
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the character {quoted(chr(error.character))} is not allowed in YAML"
        raise Unreadable(message, line, column) from error
    except (ValueError, OverflowError) as error:  # PyYAML does not check escapes such as \U99999999
        raise Unreadable.at(loader.get_mark(), "not a valid YAML escape or number") from error
    if another is not None:
        raise Unreadable.at(another.start_mark, "a second document begins here; one file holds one")
    if root is None or (isinstance(root, ScalarNode) and root.style is None and root.value == ""):
        raise Unreadable("the file is empty; it needs at least `version: 1` and `group`")
    return root


def join_surrogates(text: str) -> str:
    r"""Join surrogate pairs into one character: JSON writes 😀 as `\ud83d\ude00`."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _from_yaml(error: yaml.MarkedYAMLError) -> Unreadable:
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if "\\t" in what:
        what += "; indent with spaces"
    if "scanning an a" in what:  # alias or anchor
        what += "; what begins with * or & needs quotes"
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML: {''.join(c if c.isprintable() else ' ' for c in what)}"
    return Unreadable.at(mark, message) if mark else Unreadable(message)


def _without_tabs(text: str) -> str:
    """JSON may be indented with tabs, YAML may not. In valid JSON no text holds a raw tab."""
    if "\t" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


@dataclass(frozen=True, slots=True)
class YamlSurprise:
    """A value without quotes that YAML reads as something else than its characters."""

    text: str
    reading: str


class Document:
    """One document: `data` in Python's own types, and the `problems` of its form.

    Raises: Unreadable when the text is no YAML, empty, or more than one document.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._root = compose(text)
        self._values = 0
        self._found: dict[Path, tuple[Node, Node]] = {}
        self.data = self._read(self._root, ())

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Return the line and column, counted from 1, of the value at `path`, or of its key.

        Where nothing is, those of what surrounds it.
        """
        node, key, _ = self._find(path)
        mark = key.start_mark if of_key else node.start_mark
        return mark.line + 1, mark.column + 1

    def unquoted(self, path: Path) -> str:
        """Return the characters of a value without quotes; nothing for every other value."""
        node, _, is_there = self._find(path)
        is_plain = isinstance(node, ScalarNode) and node.style is None
        return str(node.value) if is_there and is_plain else ""

    def _find(self, path: Path) -> tuple[Node, Node, bool]:
        """Return the nodes of the value at `path` and of its key, and whether there is one.

        Where there is none, those of what surrounds it. A single value that stands for a list is
        that list's every item; an item is its own key.
        """
        here: Path = ()
        node, key = self._found[here]
        for part in path:
            if (*here, part) in self._found:
                here = (*here, part)
                node, key = self._found[here]
            elif isinstance(part, int) and not isinstance(node, SequenceNode):
                key = node
            else:
                return node, key, False
        return node, key, True

    def _read(self, node: Node, path: Path, key: Node | None = None) -> Any:
        self._found[path] = (node, key or node)
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            message = "aliases make this too large, or refer to themselves"
            raise Unreadable.at(node.start_mark, message)
        if isinstance(node, MappingNode):
            self._refuse_tag(node, path, "map")
            return self._read_mapping(node, path)
        if isinstance(node, SequenceNode):
            self._refuse_tag(node, path, "seq")
            return [self._read(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there is no fourth kind
        return self._read_scalar(node, path)

    def _read_mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._read_key(key_node, path)
            if key is None:
                continue
            if key in data:
                message = f"the key is there twice; first in line {lines[key]}"
                self._report(key_node, (*path, key), message)
                continue
            lines[key] = key_node.start_mark.line + 1
            data[key] = self._read(value_node, (*path, key), key_node)
        return data

    def _read_key(self, node: Node, path: Path) -> str | None:
        if not isinstance(node, ScalarNode):
            self._report(node, path, "a key has to be a text")
            return None
        if node.tag == _YAML + "merge":
            self._report(node, path, "merge keys (<<) are not supported; repeat the keys")
            return None
        key = self._read_scalar(node, path)
        if node.value == "on" and path[:2] == _SINKS:
            return "on"
        if not isinstance(key, str):
            message = f"the key {quoted(node.value)} is no text to YAML; put it in quotes"
            self._report(node, path, message)
            return None
        return key

    def _read_scalar(self, node: ScalarNode, path: Path) -> Any:
        text = join_surrogates(node.value)
        kind = str(node.tag).removeprefix(_YAML)
        if any("\ud800" <= c <= "\udfff" for c in text):
            self._report(node, path, "the text holds half of a surrogate pair")
            return ""
        if kind == "str":
            # YAML 1.1 reads 0123 as a number and 0189 as a text: nobody should have to know.
            is_number = node.style is None and re.fullmatch(r"0[0-9]+", text, re.ASCII)
            return YamlSurprise(text, "a number") if is_number else text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in _TRUE
        if kind in _READINGS:
            return _number(text, _READINGS[kind])
        self._refuse_tag(node, path, "str")
        return text

    def _refuse_tag(self, node: Node, path: Path, kind: str) -> None:
        if node.tag != _YAML + kind:
            tag = quoted(str(node.tag).replace(_YAML, "!!"))
            self._report(node, path, f"the YAML tag {tag} is not used here")

    def _report(self, node: Node, path: Path, message: str) -> None:
        mark = node.start_mark
        problem = Problem(message, path, line=mark.line + 1, column=mark.column + 1)
        self.problems.append(problem)


def _number(text: str, reading: str) -> int | float | YamlSurprise:
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,18}", text, re.ASCII):
        return float(text)
    return YamlSurprise(text, reading)


def mapping_in(value: Any) -> Mapping[str, Any]:
    """Return `value` when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def list_in(value: Any) -> list[Any]:
    """Return the items of `value`; a single value is a list of one, none is an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def texts_in(value: Any) -> list[tuple[int, str]]:
    """Return the position and value of every text among the items of `value`."""
    return [(i, item) for i, item in enumerate(list_in(value)) if isinstance(item, str)]

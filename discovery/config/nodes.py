"""YAML text as a tree of nodes that know their place. JSON is YAML here."""

from __future__ import annotations

import json
from typing import Any

import yaml
from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.reader import ReaderError

from discovery.config.problems import Problem, quoted

MAX_DEPTH = 32


class Unreadable(Exception):
    """The text is no document; one problem says why, and where reading stopped."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.problem = Problem(message, line=line, column=column)

    @classmethod
    def at(cls, mark: Mark, message: str) -> Unreadable:
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
    """The tree of the only document in `text`.

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
    if root is None or _is_nothing(root):
        raise Unreadable("the file is empty; it needs at least `version: 1` and `group`")
    return root


def children(node: MappingNode) -> dict[str, tuple[Node, Node]]:
    """The node of each key and of its value; of a key that is there twice the first."""
    found: dict[str, tuple[Node, Node]] = {}
    for key, value in node.value:
        if isinstance(key, ScalarNode):
            found.setdefault(joined(key.value), (key, value))
    return found


def joined(text: str) -> str:
    r"""`text` with surrogate pairs made one character: JSON writes 😀 as `\ud83d\ude00`."""
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


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.value == ""

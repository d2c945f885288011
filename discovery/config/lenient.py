"""Looking into a configuration before anybody knows that its values are of the right type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping_in(value: Any) -> Mapping[str, Any]:
    """`value` when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def list_in(value: Any) -> list[Any]:
    """The items of `value`; a single value is a list of one, none is an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def texts_in(value: Any) -> list[tuple[int, str]]:
    """Position and value of every text among the items of `value`."""
    return [(i, item) for i, item in enumerate(list_in(value)) if isinstance(item, str)]

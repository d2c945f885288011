"""A planned resource moved onto what the resource has become since the plan was made. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from discovery.model.values import Database

_ABSENT: Final = object()


def three_way_merge(planned: Database, listed: Database, fresh: Database) -> Database:
    """What the plan changes is as planned; all else is as just read.

    The plan was made from `listed`. Whoever edited the resource since then keeps the edit, unless
    the plan changes the same place; if the edit is not wanted, the next plan says so. Carries the
    fresh read's `revision` and `opaque`.
    """
    return replace(
        planned,
        labels=_tree(listed.labels, planned.labels, fresh.labels),
        description=_value(listed.description, planned.description, fresh.description),
        spec=_tree(listed.spec, planned.spec, fresh.spec),
        metadata=_tree(listed.metadata, planned.metadata, fresh.metadata),
        revision=fresh.revision,
        opaque=fresh.opaque,
    )


def _value(listed: Any, planned: Any, fresh: Any) -> Any:
    if planned in (listed, fresh):
        return fresh
    if isinstance(planned, Mapping) and isinstance(fresh, Mapping):
        return _tree(listed if isinstance(listed, Mapping) else {}, planned, fresh)
    return planned


def _tree(
    listed: Mapping[str, Any], planned: Mapping[str, Any], fresh: Mapping[str, Any]
) -> dict[str, Any]:
    keys = [*planned, *(key for key in fresh if key not in planned)]
    found = {
        key: _value(listed.get(key, _ABSENT), planned.get(key, _ABSENT), fresh.get(key, _ABSENT))
        for key in keys
    }
    return {key: value for key, value in found.items() if value is not _ABSENT}

"""The name of a cache in Teleport: its own with a suffix, or one given by tag.

Sources: control_plane/README: Name tags and control_plane/README: Suffix; the worked examples there
are tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from discovery.model.values import AccountId, Region, ResourceName

OVERRIDE_TAGS = ("TeleportDatabaseName", "teleport.dev/database_name")
MATCHER_TYPE = "elasticache-serverless"

_LEGAL = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_HYPHENS = re.compile(r"-+")


@dataclass(frozen=True, slots=True)
class Name:
    """The wanted resource name, and where it comes from."""

    value: ResourceName
    overridden: bool
    """True when a tag gave it; it is then used verbatim."""
    discovered: str | None
    """The name before the suffix, None when no suffix was added."""


def is_legal_name(name: str) -> bool:
    """True for what Teleport accepts as a database name (teleport/README: Validation)."""
    return _LEGAL.fullmatch(name) is not None


def same_name(name: str) -> str:
    """A key under which names that differ only in case are one (R7)."""
    return name.casefold()


def name_of(
    cache_name: str,
    region: Region,
    account_id: AccountId,
    *,
    tags: Mapping[str, str],
    override: bool,
) -> Name:
    """Choose the name to register a cache under; it may be illegal when a tag gave it."""
    if override:
        for key in OVERRIDE_TAGS:
            if tags.get(key):
                return Name(ResourceName(tags[key]), overridden=True, discovered=None)
    suffix = _suffix(cache_name, (MATCHER_TYPE, region, account_id))
    if not suffix:
        return Name(ResourceName(cache_name), overridden=False, discovered=None)
    full = ResourceName(f"{cache_name}-{suffix}")
    return Name(full, overridden=False, discovered=cache_name)


@lru_cache(maxsize=4096)
def _clean(part: str) -> str:
    """Make one part of a suffix: regions and accounts, which many caches share."""
    return _HYPHENS.sub("-", part.replace(" ", "-")).strip("-")


def _suffix(base: str, parts: tuple[str, ...]) -> str:
    return "-".join(
        clean
        for clean in map(_clean, parts)
        if clean and clean.lower() not in base.lower() and is_legal_name(f"{base}-{clean}")
    )

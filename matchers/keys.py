"""Label keys: which are reserved, and which Teleport accepts (R7)."""

from __future__ import annotations

import re
from functools import lru_cache

DISCOVERY_KEYS = frozenset(
    {"account-id", "region", "engine", "engine-version", "vpc-id", "teleport.dev/cloud"}
)
"""The labels that every cache has from discovery itself, whatever its tags say.

Source: control_plane/README: Labels, rows 1–4."""

RESERVED_KEYS = frozenset(
    {"account-id", "region", "engine", "engine-version", "vpc-id", "managed-by"}
)
RESERVED_PREFIXES = ("cachemuster/", "teleport.dev/", "teleport.internal/", "teleport.hidden/")

LABEL_KEY = re.compile(r"[a-zA-Z/.0-9_:*-]+")
"""What Teleport accepts as the key of a label (control_plane/README: Labels, row 5)."""

_KEYS = 4096
"""Caches have few keys, and each is asked about a dozen times for every cache."""


@lru_cache(maxsize=_KEYS)
def is_reserved(key: str) -> bool:
    """True when only this agent may set the label: neither an AWS tag nor a matcher can."""
    return key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES)


@lru_cache(maxsize=_KEYS)
def is_label_key(key: str) -> bool:
    """True when Teleport accepts `key` as the key of a label."""
    return LABEL_KEY.fullmatch(key) is not None

"""Keep texts that come again and again once: label keys, regions, owners, ARNs.

Of what a sweep of twenty thousand caches holds, nearly half were copies of texts that it held
already. Python's own interning would keep some of them for ever (3.12), so what came longest ago
is released.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

_MOST: Final = 1 << 17


@lru_cache(maxsize=_MOST)
def intern_text(text: str) -> str:
    """Return the object that the same text had before."""
    return text


def intern_mapping(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping whose texts are kept once; for `json.loads(…, object_pairs_hook=…)`."""
    return {
        intern_text(key): intern_text(value) if type(value) is str else value
        for key, value in pairs
    }

"""What a release of Teleport can do (teleport/README: Versions)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

LISTS_IN_PAGES = (18, 1, 7)
KNOWS_SERVERLESS = (18, 2, 2)


@dataclass(frozen=True, slots=True)
class Release:
    """A version, and what servers of it can do."""

    version: str
    lists_in_pages: bool
    """`ListDatabases` exists."""
    knows_serverless: bool
    """`spec.aws.elasticache_serverless` has a field to be stored in."""

    @classmethod
    def of(
        cls,
        version: str,
        *,
        lists_in_pages: bool | None = None,
        knows_serverless: bool | None = None,
    ) -> Self:
        """The release of that version; what is given here goes before what the version says."""
        number = numbers(version)
        return cls(
            version,
            number >= LISTS_IN_PAGES if lists_in_pages is None else lists_in_pages,
            number >= KNOWS_SERVERLESS if knows_serverless is None else knows_serverless,
        )

    def accepts_client(self, client_version: str) -> bool:
        """Whether a client that says it is of that version may call at all."""
        try:
            return numbers(client_version)[0] >= numbers(self.version)[0] - 1
        except ValueError:
            return False


def numbers(version: str) -> tuple[int, int, int]:
    """Major, minor, patch. Raises ValueError when it is no version."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version)
    if match is None:
        raise ValueError(f"{version!r} is no version")
    return int(match[1]), int(match[2]), int(match[3])

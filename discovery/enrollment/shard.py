"""Which part of the accounts one of several processes looks after (design §8)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from discovery.model import AccountId

_SHARD = re.compile(r"(?P<index>[0-9]{1,6})/(?P<count>[0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count`. Every account belongs to exactly one part, in every process.

    Rendezvous hashing: one part more takes accounts from every other part, and moves no account
    between two parts that were there before.

    Raises: ValueError unless 0 <= index < count.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"{self.index}/{self.count} is no shard: the parts of {self.count} are numbered "
                f"from 0 to {self.count - 1}"
                if self.count > 0
                else f"{self.index}/{self.count} is no shard: there has to be one part at least"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def owns(self, account_id: AccountId) -> bool:
        """True when this part looks after the account."""
        highest = max(range(self.count), key=lambda index: _weight(index, account_id))
        return highest == self.index


def parse_shard(text: str) -> Shard:
    """The shard written as `I/N`.

    Raises: ValueError with a sentence for the person who wrote it.
    """
    match = _SHARD.fullmatch(text)
    if match is None:
        raise ValueError("a shard is written I/N, such as 0/3, 1/3 and 2/3 for three parts")
    return Shard(int(match["index"]), int(match["count"]))


def _weight(index: int, account_id: AccountId) -> bytes:
    """Stable across processes and versions of Python, unlike `hash`."""
    return hashlib.sha256(f"{index}:{account_id}".encode()).digest()

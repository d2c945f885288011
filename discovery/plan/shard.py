"""Which accounts one of several processes looks after (discovery/README: Scale)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from discovery.model.values import AccountId

_SHARD = re.compile(r"(?P<index>[0-9]{1,3}|ordinal)/(?P<count>[0-9]{1,3})")
_ORDINAL = re.compile(r".*-(?P<ordinal>[0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count`; every account belongs to exactly one part, in every process.

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
        return _owner(account_id, self.count) == self.index


def parse_shard(text: str, host: str) -> Shard:
    """Parse `I/N`, or `ordinal/N` with the number at the end of the host's name.

    Pods of a Kubernetes StatefulSet have such names (cachemuster-0, cachemuster-1 …).

    Raises: ValueError with a sentence for the person who wrote it.
    """
    match = _SHARD.fullmatch(text)
    if match is None:
        raise ValueError(
            "a shard is written I/N, such as 0/3, 1/3 and 2/3 for three parts, or ordinal/N in a "
            "StatefulSet"
        )
    count = int(match["count"])
    if match["index"] != "ordinal":
        return Shard(int(match["index"]), count)
    index = _ordinal_of(host)
    try:
        return Shard(index, count)
    except ValueError as error:
        raise ValueError(
            f"host {host} has number {index}, and {error}; N is the number of replicas"
        ) from error


def _ordinal_of(host: str) -> int:
    match = _ORDINAL.fullmatch(host.partition(".")[0])
    if match is None:
        raise ValueError(
            f"the name of host {host} does not end in a hyphen and a number, so ordinal/N is no "
            "shard here: it is for the pods of a StatefulSet. Write I/N"
        )
    return int(match["ordinal"])


@lru_cache(maxsize=65536)
def _owner(account_id: AccountId, count: int) -> int:
    """Asked for every scope and registration, of which an account has many."""
    return max(range(count), key=lambda index: _weight(index, account_id))


def _weight(index: int, account_id: AccountId) -> bytes:
    """Stable across processes and versions of Python, unlike `hash`."""
    return hashlib.sha256(f"{index}:{account_id}".encode()).digest()

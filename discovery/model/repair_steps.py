"""Steps that repair the users of a cache, as values. Standard library only.

Everything that shows or runs a repair is made from them: the commands of a finding, the script of
`cachemuster repairs`, and what the planner expects afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Comment:
    """Words of ours for who runs the steps."""

    text: str


@dataclass(frozen=True, slots=True)
class CutsOff(Comment):
    """Who loses access by the steps."""


@dataclass(frozen=True, slots=True)
class CreateUser:
    """A user that does not exist yet."""

    user_id: str
    user_name: str
    engine: str
    access_string: str
    authentication: str
    """`iam` or `no-password`, as answers of AWS spell it."""


@dataclass(frozen=True, slots=True)
class ModifyUser:
    """Another access string, another way to authenticate, or both."""

    user_id: str
    to_iam: bool = False
    access_string: str | None = None
    """None: it stays."""
    appended: str | None = None
    """Rules to put after those that it has."""


@dataclass(frozen=True, slots=True)
class CreateGroup:
    """A user group that does not exist yet."""

    group_id: str
    engine: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModifyGroup:
    """Users who join a group and users who leave it, in one request."""

    group_id: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachGroup:
    """Another user group for a cache."""

    cache: str
    group_id: str
    instead_of: str | None
    """The group that the cache had when the step was planned; None: it had none."""


@dataclass(frozen=True, slots=True)
class RaiseVersion:
    """A later major version of the engine of a cache."""

    cache: str
    major_version: str


class Waited(StrEnum):
    """What can be waited for."""

    USER = "user"
    GROUP = "user group"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing else is possible until AWS is done with something."""

    kind: Waited
    name: str


@dataclass(frozen=True, slots=True)
class Count:
    """A read that must succeed, shown by how many it answers: `users` or `user groups`."""

    operation: str
    member: str


Change = CreateUser | ModifyUser | CreateGroup | ModifyGroup | AttachGroup | RaiseVersion
RepairStep = Comment | Change | Wait | Count
RepairSteps = tuple[RepairStep, ...]


def cuts_off(steps: RepairSteps) -> bool:
    """Tell whether somebody loses access by these steps."""
    return any(isinstance(step, CutsOff) for step in steps)

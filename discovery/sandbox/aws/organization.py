"""An AWS Organization: a tree of units with accounts in it.

Source: aws/README: Organizations for states, limits and who may read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from discovery.sandbox.aws.values import NO_MEMBERS
from discovery.sandbox.clock import Clock

ROOT = "r-ab12"

STATUSES: Mapping[str, str] = {
    "PENDING_ACTIVATION": "SUSPENDED",
    "ACTIVE": "ACTIVE",
    "SUSPENDED": "SUSPENDED",
    "PENDING_CLOSURE": "PENDING_CLOSURE",
    "CLOSED": "SUSPENDED",
}
"""The older `Status` of an account for each `State`."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An organizational unit; `parent_id` is another one's or the root's."""

    id: str
    name: str
    parent_id: str


@dataclass(frozen=True, slots=True)
class Member:
    """An account's place in the organization."""

    account_id: str
    parent_id: str
    name: str
    state: str
    joined_at: datetime
    wire: Mapping[str, object] = field(default_factory=dict)
    """Members that replace the true ones in answers; None leaves a member out."""


class Organization:
    """One organization. Raises KeyError for units and accounts that it does not have."""

    def __init__(
        self, management: str, *, partition: str, clock: Clock, name: str | None = None
    ) -> None:
        self.id = "o-exampleorg1"
        self.management = management
        self.partition = partition
        self.root = ROOT
        self.units: dict[str, Unit] = {}
        self.members: dict[str, Member] = {}
        self.administrators: set[str] = set()
        """Member accounts that may read the organization as the management account does."""
        self._clock = clock
        self._made = 0
        self.join(management, name=name)

    def add_unit(self, name: str, *, parent: str = ROOT, unit_id: str | None = None) -> str:
        """Add a unit, with the id given or one made up; return its id."""
        self._check_parent(parent)
        self._made += 1
        made_up = f"ou-{ROOT.removeprefix('r-')}-{self._made:08d}"
        unit = Unit(unit_id or made_up, name, parent)
        self.units[unit.id] = unit
        return unit.id

    def remove_unit(self, unit_id: str) -> None:
        """Remove a unit. Raises ValueError while something is in it."""
        if self.units_in(unit_id) or self.members_in(unit_id):
            raise ValueError(f"{unit_id} is not empty")
        del self.units[unit_id]

    def move_unit(self, unit_id: str, parent: str) -> None:
        """Move a unit, with all that is below it."""
        self._check_parent(parent)
        self.units[unit_id] = replace(self.units[unit_id], parent_id=parent)

    def join(
        self,
        account_id: str,
        *,
        parent: str = ROOT,
        state: str = "ACTIVE",
        name: str | None = None,
        wire: Mapping[str, object] = NO_MEMBERS,
    ) -> None:
        """Add an account, with the name given or one made of its id."""
        self._check_parent(parent)
        named = name or f"account {account_id}"
        self.members[account_id] = Member(account_id, parent, named, state, self._clock(), wire)

    def rename(self, account_id: str, name: str) -> None:
        """Give an account another name."""
        self.members[account_id] = replace(self.members[account_id], name=name)

    def leave(self, account_id: str) -> None:
        """Remove an account."""
        del self.members[account_id]
        self.administrators.discard(account_id)

    def move(self, account_id: str, parent: str) -> None:
        """Move an account to a unit, or to the root."""
        self._check_parent(parent)
        self.members[account_id] = replace(self.members[account_id], parent_id=parent)

    def set_state(self, account_id: str, state: str) -> None:
        """Set the account's state, one of `STATUSES`."""
        STATUSES[state]
        self.members[account_id] = replace(self.members[account_id], state=state)

    def delegate(self, account_id: str) -> None:
        """Let a member account read the organization."""
        self.administrators.add(self.members[account_id].account_id)

    def may_read(self, account_id: str) -> bool:
        """Return whether an account may list what is in the organization."""
        return account_id == self.management or account_id in self.administrators

    def has_parent(self, parent_id: str) -> bool:
        """Return whether that is the root or one of the units."""
        return parent_id == self.root or parent_id in self.units

    def units_in(self, parent_id: str) -> tuple[Unit, ...]:
        """Return the units directly in a unit or in the root."""
        return tuple(unit for unit in self.units.values() if unit.parent_id == parent_id)

    def members_in(self, parent_id: str) -> tuple[Member, ...]:
        """Return the accounts directly in a unit or in the root."""
        return tuple(each for each in self.members.values() if each.parent_id == parent_id)

    def path(self, parent_id: str) -> tuple[str, ...]:
        """Return a unit and everything above it, up to the root."""
        unit = self.units.get(parent_id)
        return (parent_id, *self.path(unit.parent_id)) if unit is not None else (parent_id,)

    def arn(self, resource: str) -> str:
        """Return the ARN of something in the organization."""
        return f"arn:{self.partition}:organizations::{self.management}:{resource}"

    def _check_parent(self, parent_id: str) -> None:
        if not self.has_parent(parent_id):
            raise KeyError(f"the organization has no unit {parent_id}")

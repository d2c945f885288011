"""What is said to who runs a repair. Words of ours only."""

from __future__ import annotations

from typing import Final

from discovery.model.repair_steps import CutsOff, Remark

CHOICE: Final = Remark("what it may do is your choice: +@read reads, +@write writes")
AS_BEFORE: Final = Remark("it may do then what the rest of its access string allows")
NO_WAY_BACK: Final = Remark("a later version cannot be lowered again")
ELSEWHERE: Final = Remark("whoever may connect as this user elsewhere can log in here too")
AS_AGENT: Final = Remark("with the role of the agent both must answer")
CUTS_OFF_USERS: Final = CutsOff("cuts off whoever logs in as this user today")
CUTS_OFF_MEMBERS: Final = CutsOff("cuts off whoever logs in by the group attached today")
CUTS_OFF_CLIENTS: Final = CutsOff("cuts off clients that name no user")

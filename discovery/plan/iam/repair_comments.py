"""What is said to who runs a repair. Words of ours only."""

from __future__ import annotations

from typing import Final

from discovery.model.repair_steps import Comment, CutsOff

CHOICE: Final = Comment("what it may do is your choice: +@read reads, +@write writes")
AS_BEFORE: Final = Comment("it may do then what the rest of its access string allows")
NO_WAY_BACK: Final = Comment("a later version cannot be lowered again")
ELSEWHERE: Final = Comment("whoever may connect as this user elsewhere can log in here too")
AS_AGENT: Final = Comment("with the role of the agent both must answer")
CUTS_OFF_USERS: Final = CutsOff("cuts off whoever logs in as this user today")
CUTS_OFF_MEMBERS: Final = CutsOff("cuts off whoever logs in by the group attached today")
CUTS_OFF_CLIENTS: Final = CutsOff("cuts off clients that name no user")

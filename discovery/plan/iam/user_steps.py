"""Steps on single users: create one, let one in, change one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from discovery.model.repair_steps import (
    CreateUser,
    CutsOff,
    ModifyUser,
    RepairStep,
    RepairSteps,
    Wait,
    Waited,
)
from discovery.model.values import CacheUser
from discovery.plan.iam.members import DEFAULT, allows_commands, is_on
from discovery.plan.iam.repair_comments import AS_BEFORE, CHOICE

READING: Final = "on ~app:* -@all +@read"
"""Proposed for whoever is to log in: a beginning that a person narrows or widens. No proposal
allows everything."""

NOTHING: Final = "off ~* -@all"
"""For a user who must exist and must never log in: the default user of a redis group."""


def create_person(user_id: str, engine: str) -> Iterator[RepairStep]:
    """Create a user who can log in with IAM."""
    yield CHOICE
    yield CreateUser(user_id, user_id, engine, READING, "iam")


def create_default(user_id: str) -> CreateUser:
    """Create a default user as whom nobody can log in."""
    return CreateUser(user_id, DEFAULT, "redis", NOTHING, "no-password")


def let_in(user: CacheUser) -> Iterator[RepairStep]:
    """Change the user so that it can log in with IAM, and no more than that."""
    to_iam, on = user.authentication != "iam", is_on(user.access_string)
    change = ModifyUser(user.user_id, to_iam=to_iam)
    if not on and not to_iam and allows_commands(user.access_string):
        yield AS_BEFORE
        change = replace(change, appended="on")
    elif not on:
        yield CHOICE
        change = replace(change, access_string=READING)
    yield from modify_user(user, change)


def modify_user(user: CacheUser, change: ModifyUser) -> Iterator[RepairStep]:
    """Change a user, once AWS is done with it."""
    if user.status != "active":
        yield Wait(Waited.USER, user.user_id)
    yield change


def losses_first(*steps: RepairStep) -> RepairSteps:
    """Put who is cut off first, once."""
    losses = dict.fromkeys(step for step in steps if isinstance(step, CutsOff))
    return (*losses, *(step for step in steps if not isinstance(step, CutsOff)))

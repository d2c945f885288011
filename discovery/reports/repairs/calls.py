"""Write repair steps as calls of the script's functions.

Ids are quoted for the shell, and go as JSON where the AWS CLI would not take them literally
(`discovery.plan.iam.aws_cli`). They are printable ASCII: others are left out before.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from discovery.model.repair_steps import (
    AttachGroup,
    Change,
    Comment,
    Count,
    CreateGroup,
    CreateUser,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairStep,
    RepairSteps,
    Wait,
    Waited,
)
from discovery.plan.iam.aws_cli import options
from discovery.plan.iam.members import is_on
from discovery.plan.iam.requests import request_for, selector

_NOTHING_ATTACHED: Final = "None"
"""How the AWS CLI writes what an answer leaves out."""
_WAITS: Final = {
    Waited.USER: "wait_for_user",
    Waited.GROUP: "wait_for_group",
    Waited.CACHE: "wait_for_cache",
}


def function(name: str, steps: RepairSteps) -> Iterator[str]:
    """Write a function that takes the steps until one fails.

    The script's functions wait by themselves, so waits are written only where nothing changes.
    """
    changes = (call for step in steps if not isinstance(step, Wait) for call in _call(step))
    calls = list(changes) or [call for step in steps for call in _call(step)]
    yield f"{name}() {{"
    for place, call in enumerate(calls):
        yield f"  {call} &&" if place + 1 < len(calls) else f"  {call}"
    yield "}"


def _call(step: RepairStep) -> Iterator[str]:
    match step:
        case Wait(kind, name):
            yield _join(_WAITS[kind], *_selector_words(kind, name))
        case Comment() | Count():
            return
        case _:
            yield f"{_changing(step)} -- \\\n    {_request(step)}"


def _changing(step: Change) -> str:
    """The function with what it looks at, and what it expects there afterwards."""
    match step:
        case CreateUser(user_id, _, _, rules, authentication):
            user = _selector_words(Waited.USER, user_id)
            return _join("create_user", *user, authentication, _state(rules))
        case ModifyUser(user_id):
            user = _selector_words(Waited.USER, user_id)
            return _join("modify_user", *user, *_state_after(step))
        case CreateGroup(group_id, _, user_ids):
            group = _selector_words(Waited.GROUP, group_id)
            return _join("create_group", *group, *(f"in:{each}" for each in user_ids))
        case ModifyGroup(group_id, add, remove):
            group = _selector_words(Waited.GROUP, group_id)
            members = (*(f"in:{each}" for each in add), *(f"out:{each}" for each in remove))
            return _join("modify_group", *group, *members)
        case AttachGroup(name, group_id, instead_of):
            cache = _selector_words(Waited.CACHE, name)
            return _join("attach_group", *cache, group_id, instead_of or _NOTHING_ATTACHED)
        case RaiseVersion(name, version):
            return _join("raise_version", *_selector_words(Waited.CACHE, name), version)
        case _:
            assert_never(step)


def _state_after(step: ModifyUser) -> tuple[str, str]:
    """How the user authenticates afterwards, and whether it is on."""
    if step.access_string is not None and not is_on(step.access_string):
        return "any", "off"
    return "iam", "on"


def _state(access_string: str) -> str:
    return "on" if is_on(access_string) else "off"


def _selector_words(kind: Waited, name: str) -> list[str]:
    return options(selector(kind, name))


def _request(step: Change) -> str:
    return _join(*options(request_for(step)[1]))


def _join(*words: str) -> str:
    return shlex.join(words)


def comment_out(lines: Iterable[str]) -> Iterator[str]:
    """Comment out lines of a script, so that taking `# ` away brings them back."""
    for line in lines:
        yield from (f"# {part}" for part in line.splitlines())

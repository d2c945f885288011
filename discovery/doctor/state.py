"""Check the state file: readable, writable, of a known schema, and not locked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from discovery.config.model import Config
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.reports.summary import counted
from state.errors import StateError
from state.lock import holder_of
from state.mounts import require_local
from state.records import RememberedState
from state.store import load_state


def load_readable_state(path: Path) -> RememberedState | None:
    """Read the state; None when it cannot be read, which `check_state_file` reports."""
    try:
        return load_state(path)
    except StateError:
        return None


def check_state_file(config: Config, now: datetime) -> tuple[Check, ...]:
    """Check everything about the state file. Nothing is created or changed."""
    return tuple(_checks(config, now))


def _checks(config: Config, now: datetime) -> Iterator[Check]:
    path = config.state.path
    try:
        state = load_state(path)
    except StateError as error:
        yield _check(path, CheckStatus.FAIL, str(error))
        return
    if not path.exists():
        yield _check(path, CheckStatus.OK, "not there yet; the first sweep makes it")
    else:
        yield _check(path, CheckStatus.OK, readable(state))
    yield _check_writable(path)
    try:
        require_local(path, "state file")
        holder = holder_of(path)
    except StateError as error:
        yield _check(path, CheckStatus.FAIL, str(error))
    else:
        if holder is not None:
            yield _check(path, CheckStatus.WARN, f"held by {holder}; a sweep waits for it")
    yield from check_memory(str(path), state, config, now)


def readable(state: RememberedState) -> str:
    """Say how much a state holds that could be read."""
    sweeps = counted(state.finished_sweeps, "finished sweep")
    registered = counted(len(state.registrations), "registration")
    return f"readable, its schema known: {sweeps}, {registered}"


def check_memory(
    subject: str, state: RememberedState, config: Config, now: datetime
) -> Iterator[Check]:
    """Check what is remembered: whose it is, how old its regions are, whether writes are paused."""
    yield from _check_owner(subject, state, config)
    if state.regions:
        since = min(each.read_at for each in state.regions.values())
        of = counted(len(state.regions), "account")
        text = (
            f"regions as of {since.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC} in {of}: sweeps of the "
            "service go by this list for a day, or until something tells of another region"
        )
        yield state_check(subject, CheckStatus.OK, text)
    pause = state.pause_at(now)
    if pause is not None:
        until = f"{pause.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
        text = f"paused until {until}: sweeps write nothing. `cachemuster resume` ends it"
        yield state_check(subject, CheckStatus.WARN, text)


def _check_writable(path: Path) -> Check:
    """Check the file and its directory: SQLite keeps a log beside the file."""
    real = path.resolve()
    places = [real, real.parent] if real.exists() else [real.parent]
    unwritable = [str(each) for each in places if not os.access(each, os.W_OK)]
    if unwritable:
        text = (
            f"{' and '.join(unwritable)} cannot be written to: sweeps need to; correct the "
            "permissions"
        )
        return _check(path, CheckStatus.FAIL, text)
    return _check(path, CheckStatus.OK, "writable")


def _check_owner(subject: str, state: RememberedState, config: Config) -> Iterator[Check]:
    identity = state.identity
    if identity is None:
        return
    wanted = (config.control_plane.kind, config.group)
    if (identity.control_plane, identity.group) != wanted:
        text = (
            f"it belongs to group {identity.group} on {identity.control_plane}, and the "
            f"configuration is of group {config.group} on {config.control_plane.kind}: name "
            "another state.path, or sweep once with --rebind-state"
        )
        yield state_check(subject, CheckStatus.FAIL, text)


def _check(path: Path, outcome: CheckStatus, message: str) -> Check:
    return state_check(str(path), outcome, message)


def state_check(subject: str, outcome: CheckStatus, message: str) -> Check:
    """Make the check of one thing about the state."""
    return Check(area=Area.STATE, subject=subject, outcome=outcome, message=message)

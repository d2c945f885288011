"""The state file: it can be read and written, is of a schema that is known, and is not held."""

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


def remembered(path: Path) -> RememberedState | None:
    """What state holds; None when it cannot be read, which `examine_state` tells."""
    try:
        return load_state(path)
    except StateError:
        return None


def examine_state(config: Config, now: datetime) -> tuple[Check, ...]:
    """Everything about the state file. Nothing is made or changed."""
    return tuple(_examined(config, now))


def _examined(config: Config, now: datetime) -> Iterator[Check]:
    path = config.state.path
    try:
        state = load_state(path)
    except StateError as error:
        yield _check(path, CheckStatus.FAIL, str(error))
        return
    if not path.exists():
        yield _check(path, CheckStatus.OK, "not there yet; the first sweep makes it")
    else:
        sweeps = counted(state.finished_sweeps, "finished sweep")
        registered = counted(len(state.registrations), "registration")
        yield _check(path, CheckStatus.OK, f"readable, its schema known: {sweeps}, {registered}")
    yield _writable(path)
    try:
        require_local(path, "state file")
        holder = holder_of(path)
    except StateError as error:
        yield _check(path, CheckStatus.FAIL, str(error))
    else:
        if holder is not None:
            yield _check(path, CheckStatus.WARN, f"held by {holder}; a sweep waits for it")
    yield from _belonging(path, state, config)
    if state.regions:
        since = min(each.read_at for each in state.regions.values())
        of = counted(len(state.regions), "account")
        text = (
            f"regions as of {since.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC} in {of}: sweeps of the "
            "service go by this list for a day, or until something tells of another region"
        )
        yield _check(path, CheckStatus.OK, text)
    pause = state.pause_at(now)
    if pause is not None:
        until = f"{pause.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
        text = f"paused until {until}: sweeps write nothing. `cachemuster resume` ends it"
        yield _check(path, CheckStatus.WARN, text)


def _writable(path: Path) -> Check:
    """SQLite keeps a log beside the file, so the directory has to be writable too."""
    real = path.resolve()
    places = [real, real.parent] if real.exists() else [real.parent]
    shut = [str(each) for each in places if not os.access(each, os.W_OK)]
    if shut:
        text = f"{' and '.join(shut)} cannot be written to: sweeps need to; correct the permissions"
        return _check(path, CheckStatus.FAIL, text)
    return _check(path, CheckStatus.OK, "writable")


def _belonging(path: Path, state: RememberedState, config: Config) -> Iterator[Check]:
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
        yield _check(path, CheckStatus.FAIL, text)


def _check(path: Path, outcome: CheckStatus, message: str) -> Check:
    return Check(area=Area.STATE, subject=str(path), outcome=outcome, message=message)

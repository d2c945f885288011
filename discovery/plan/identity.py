"""Refuse a state file that belongs to another control plane, group or cloud (R10)."""

from __future__ import annotations

from state.records import StateIdentity


class WrongState(Exception):
    """The state file belongs to another control plane, group or cloud. Nothing was done."""


def refuse_other_identity(remembered: StateIdentity | None, now: StateIdentity) -> None:
    """Check that state belongs to what is configured, or to nothing yet.

    Raises: WrongState, naming every difference.
    """
    if remembered is None or remembered == now:
        return
    pairs = (
        ("control plane", remembered.control_plane, now.control_plane),
        ("cluster", remembered.cluster, now.cluster),
        ("group", remembered.group, now.group),
        ("cloud", _cloud(remembered), _cloud(now)),
    )
    differences = "; ".join(
        f"{what}: remembered {before}, configured {after}"
        for what, before, after in pairs
        if before != after
    )
    raise WrongState(
        f"the state file belongs to something else ({differences}). Nothing was done. Correct the "
        "configuration, name another state.path, or run `cachemuster sweep --rebind-state` once "
        'if the change is meant, as after a trial; deploy/teleport/README.md, "After a trial", '
        "says what that does"
    )


def _cloud(identity: StateIdentity) -> str:
    return "an endpoint override" if identity.endpoint_override else "AWS itself"

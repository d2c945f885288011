"""Check that the state file belongs to this control plane, group and AWS endpoint (R10)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from discovery.control_plane.base import ControlPlaneError, Reader
from discovery.plan.identity import refuse_other_identity
from discovery.sweep.run import ControlPlaneUnread, SweepRun
from state.records import RememberedState, StateIdentity


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """Identity that the state file has from now on, and whether the control plane was reached."""

    identity: StateIdentity
    rebound: bool
    """True when the state belonged to something else until now (`--rebind-state`)."""
    unread: ControlPlaneUnread | None
    """Why the control plane did not say who it is; None when it did, or was not to be asked."""

    def reset_if_rebound(self, state: RememberedState) -> RememberedState:
        """Forget what a rebound state knows of another control plane.

        What was made, removed or missed there was not here, and like a new state file it removes
        nothing at first (R2, R3).
        """
        if not self.rebound:
            return state
        registrations = {
            name: replace(each, inherited=True) for name, each in state.registrations.items()
        }
        return replace(
            state,
            registrations=registrations,
            removed={},
            pending_removals={},
            taken={},
            finished_sweeps=0,
        )


async def check_state_identity(run: SweepRun, control_plane: Reader) -> IdentityCheck:
    """Check that the run's state belongs to this control plane, group and AWS endpoint.

    A control plane that does not answer, or is not to be asked, ends nothing yet: the scan runs
    all the same and is remembered (R10). Raises: WrongState.
    """
    before = run.state.identity
    cluster = before.cluster if before is not None else ""
    unread = None
    try:
        if run.request.asks_control_plane:
            cluster = (await control_plane.ping()).cluster
    except ControlPlaneError as error:
        unread = ControlPlaneUnread(error.code, str(error))
    identity = StateIdentity(
        control_plane=run.context.config.control_plane.kind,
        cluster=cluster,
        group=run.rules.group,
        endpoint_override=bool(run.context.cloud.endpoints),
    )
    if not run.request.rebind_state:
        refuse_other_identity(before, identity)
    check = IdentityCheck(identity, rebound=before not in (None, identity), unread=unread)
    run.state = check.reset_if_rebound(run.state)
    return check

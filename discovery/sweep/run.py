"""State of one sweep or audit in progress: what it was asked for, and what it found so far."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from discovery.config.rules import with_overrides
from discovery.control_plane.base import ControlPlaneError
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, Scanned, Served
from discovery.plan.account_names import NOT_LISTED, ListedNames, known_names
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item
from discovery.plan.plan import Plan
from discovery.plan.rules import Rules
from discovery.plan.targets import check_named_scopes, registered_scopes
from discovery.plan.unread import NOT_READ, unread_items
from discovery.sweep.cancellation import Stopped
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.scan import Scan
from state.errors import StateError
from state.records import RememberedState


@dataclass(frozen=True, slots=True)
class ControlPlaneUnread:
    """Why the control plane was not read."""

    code: str
    why: str


@dataclass(slots=True, kw_only=True)
class SweepRun:
    """Facts of one run, each set by the step that finds it out."""

    context: SweepContext
    request: SweepRequest
    rules: Rules
    dry_run: bool
    started_at: datetime
    sweep_id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: RememberedState
    """What is remembered, as the plan sees it."""
    scan: Scan | None = None
    plan: Plan | None = None
    items: tuple[Item, ...] = ()
    wrote: bool = False
    """True once every write of the plan was tried, also when there was none to try."""
    error: str | None = None
    """Why the run ended early, for a person."""
    unread_code: str | None = None
    """The code of the error that kept the control plane unread."""
    interrupted: bool = False

    @classmethod
    def start(
        cls,
        context: SweepContext,
        request: SweepRequest,
        state: RememberedState,
        *,
        dry_run: bool = False,
    ) -> SweepRun:
        """Create a run before its first step."""
        rules = with_overrides(
            context.rules, allow_mass_removal=request.allow_mass_removal, prune=request.prune
        )
        return cls(
            context=context,
            request=request,
            rules=rules,
            dry_run=dry_run,
            started_at=context.clock(),
            state=state,
        )

    @property
    def paused_until(self) -> datetime | None:
        """When the pause of writes ends, None if none was in force when the run started.

        A sweep is paused as a whole or not at all.
        """
        return self.state.pause_at(self.started_at)

    @property
    def is_paused(self) -> bool:
        """True for a sweep that a pause keeps from writing; an audit goes on as without one."""
        return not self.dry_run and self.paused_until is not None

    @property
    def plan_changed(self) -> bool:
        """True when `--checksum` names another plan than this run's."""
        return self.plan is not None and self.request.changes_plan(self.plan.checksum)

    def plan_input(
        self, listed: tuple[Database, ...] = (), served: tuple[Served, ...] = ()
    ) -> PlanInput:
        """Collect what a plan of this moment is made from."""
        return PlanInput(
            results=self.finished_scan.results,
            targets=self.finished_scan.targets,
            listed=listed,
            state=self.state,
            now=self.context.clock(),
            served=served,
            account_names=self.account_names,
        )

    @property
    def listed_names(self) -> ListedNames:
        """The names that organizations gave in this run."""
        return self.scan.listed_names if self.scan is not None else NOT_LISTED

    @property
    def account_names(self) -> Mapping[str, str]:
        """Names of accounts: configured, else listed in this run, else read by an earlier one."""
        return known_names(self.rules, self.state.account_names, self.listed_names)

    @property
    def finished_scan(self) -> Scan:
        """The scan. Raises: Stopped, when the run was stopped before the scan ended."""
        if self.scan is None:
            raise Stopped
        return self.scan

    @property
    def results(self) -> tuple[Scanned, ...]:
        """The result of each scope; the plan can turn one that the scan read into `Failed` (R1)."""
        if self.plan is not None:
            return self.plan.observed.plan_input.results
        return self.scan.results if self.scan is not None else ()

    def check_named_scopes(self, listed: tuple[Database, ...]) -> None:
        """Check that each scope that a person named with `--only` exists. Raises: NoSuchScope."""
        scope_filter = self.request.scope_filter
        if scope_filter.from_event or not scope_filter.only:
            return
        owners = (owner_of(each, self.rules.group) for each in listed)
        ours = {each.scope for each in owners if isinstance(each, CacheArn)}
        check_named_scopes(
            self.finished_scan.targets,
            scanned={result.scope for result in self.finished_scan.results},
            registered=ours | registered_scopes(self.state),
        )

    @contextmanager
    def recording_early_end(self) -> Iterator[None]:
        """Keep what was found out so far when the run is stopped or an edge fails (R10)."""
        try:
            yield
        except Stopped:
            self.interrupted = True
        except StateError as error:
            self.error = str(error)
        except ControlPlaneError as error:
            self.end_unread(ControlPlaneUnread(error.code, str(error)))

    def end_unread(self, unread: ControlPlaneUnread) -> None:
        """End the run without what is registered; what AWS has is reported all the same."""
        self.unread_code = unread.code
        kept = "shown" if self.dry_run else "remembered"
        self.error = f"{unread.why}. Nothing was written there; what was scanned is {kept}"
        if self.scan is not None:
            self.items = unread_items(self.plan_input(), self.rules, NOT_READ)

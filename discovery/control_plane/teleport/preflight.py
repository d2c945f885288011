"""Checks before a sweep: who answers, as whom, and who would serve what is registered.

Read only; whatever cannot be read is said and stops nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from discovery.control_plane.base import ControlPlaneError
from discovery.control_plane.teleport.connection import Peer, is_too_old
from discovery.control_plane.teleport.reader import TeleportReader
from discovery.control_plane.teleport.services import ServiceMatcher, service_matchers
from discovery.model.ownership import GROUP_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from discovery.model.values import Database, ResourceName, Served

T = TypeVar("T")

_NAMED: Final = 3
SERVICE_LABELS: Final = "db_service_labels: {'*': '*'}"
"""What a role needs beside its rules to be shown any Database Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Results of the checks. None stands for what could not be read; `problems` says why."""

    peer: Peer | None = None
    ours: tuple[ResourceName, ...] | None = None
    """The names of our registrations among those looked at: a page at most."""
    unserved: tuple[ResourceName, ...] = ()
    """Those of them that no Database Service takes."""
    services: int | None = None
    """How many Database Services the identity is shown."""
    served: tuple[Served, ...] | None = None
    problems: tuple[str, ...] = ()

    def lines(self, group: str, now: datetime) -> tuple[str, ...]:
        """Render the results as lines for a person."""
        found: list[str] = []
        if self.peer is not None:
            found += _peer_lines(self.peer, now)
        found += self.problems
        if self.services is not None:
            found += self._service_lines(group)
        if self.unreached:
            found.append(
                f"A Database Service cannot reach {_some_of(self.unreached)}: on its host, look "
                "for the route to the cache (`nc -vz HOST 6379`)"
            )
        return tuple(found)

    @property
    def unreached(self) -> tuple[str, ...]:
        """Our registrations that some Database Service serves and finds unhealthy."""
        names = {each.name for each in self.served or () if each.health == "unhealthy"}
        return tuple(sorted(names & set(self.ours or ())))

    def _service_lines(self, group: str) -> list[str]:
        advice = (
            f'resources: [{{labels: {{{MANAGED_BY_LABEL}: {MANAGED_BY}, {GROUP_LABEL}: "{group}"}}'
            "}]"
        )
        if self.services == 0:
            return [self._unseen(advice)]
        if not self.unserved:
            return []
        what = _some_of(self.unserved) if self.ours else "what will be registered"
        return [f"No Database Service would serve {what}: give one {advice}"]

    def _unseen(self, advice: str) -> str:
        """Say why the list of Database Services is empty.

        Teleport leaves out what a role's `db_service_labels` do not take, without an error; what is
        served is listed by `db_labels`, and so is evidence.
        """
        user = self.peer.identity.user if self.peer is not None else "the agent"
        grant = f"add `{SERVICE_LABELS}` to what it allows (`policies teleport-bot-role` does)"
        if self.served:
            hosts = _some_of(sorted({each.host for each in self.served}))
            return (
                f"No role of {user} shows any Database Service, though one serves databases "
                f"({hosts}): {grant}"
            )
        return (
            f"No Database Service is shown to {user}: either none runs, or its role hides them. "
            f"`tctl get db_services` tells. If that lists one, {grant}. If not, nothing that is "
            f"registered can be reached; start one with {advice}"
        )


async def preflight(reader: TeleportReader, group: str) -> Preflight:
    """Check what can be checked. Raises nothing: what fails is one of its `problems`."""
    problems: list[str] = []
    try:
        peer = await reader.peer()
    except ControlPlaneError as error:
        return Preflight(problems=(str(error),))

    async def read(call: Awaitable[T], unreadable: str) -> T | None:
        try:
            return await call
        except ControlPlaneError as error:
            problems.append(f"{unreadable}: {error}")
            return None

    page = await read(reader.first_page(), "Databases cannot be listed")
    marks = _marks(group).items()
    labels = {each.name: each.labels for each in page or () if marks <= each.labels.items()}
    matchers = await read(
        service_matchers(reader), "Whether a Database Service serves them cannot be seen"
    )
    served = await read(reader.read_served(), "What Database Services serve cannot be seen")
    every = [each for one in matchers or () for each in one]
    return Preflight(
        peer=peer,
        ours=None if page is None else tuple(labels),
        unserved=() if matchers is None else unserved_of(labels, every, group),
        services=None if matchers is None else len(matchers),
        served=served,
        problems=tuple(problems),
    )


async def losing_service(
    reader: TeleportReader, changes: Iterable[tuple[Database, Database]]
) -> str:
    """Say which databases no Database Service serves any more after a change of labels.

    Args:
        reader: The cluster.
        changes: Each database before and after.

    Returns: a sentence for a person, empty when nobody loses anything. Raises nothing.
    """
    try:
        matchers = [each for one in await service_matchers(reader) for each in one]
    except ControlPlaneError:
        matchers = []
    if not matchers:
        return (
            "Which Database Services serve them cannot be seen with this identity. One that takes "
            f"them by `{MANAGED_BY_LABEL}` or `{GROUP_LABEL}` serves them no more; see that one "
            "takes them by other labels first (`tctl get db_services`)"
        )

    def is_served(database: Database) -> bool:
        return any(each.matches(database.labels) for each in matchers)

    lost = sorted(new.name for old, new in changes if is_served(old) and not is_served(new))
    if not lost:
        return ""
    return (
        f"No Database Service serves {_some_of(lost)} without these labels, so people lose the "
        "connection. Give one labels that stay, such as `account-id` and `region`, first"
    )


def unserved_of(
    labels: Mapping[ResourceName, Mapping[str, str]],
    matchers: Sequence[ServiceMatcher],
    group: str,
) -> tuple[ResourceName, ...]:
    """Names that no matcher takes.

    When there are none yet, one that stands for what will be registered: it carries the labels that
    all of ours have.
    """
    judged = labels or {ResourceName(""): _marks(group)}
    return tuple(
        name for name, each in judged.items() if not any(one.matches(each) for one in matchers)
    )


def _marks(group: str) -> Mapping[str, str]:
    """The labels that all our registrations have."""
    return {MANAGED_BY_LABEL: MANAGED_BY, GROUP_LABEL: group}


def _peer_lines(peer: Peer, now: datetime) -> Iterable[str]:
    identity = peer.identity
    left = _duration_text((identity.expires_at - now).total_seconds())
    yield (
        f"Cluster {peer.cluster}, Teleport {peer.version}, {peer.target}; as {identity.user} until "
        f"{identity.expires_at:%Y-%m-%dT%H:%M:%SZ} ({left} left)"
    )
    if identity.is_exposed:
        yield "The identity file can be read by others than its owner: `chmod 600` it"
    if is_too_old(peer.version):
        yield (
            f"Teleport {peer.version} is older than 18.2.2 and takes these databases for RDS: "
            "they are registered, and nobody can connect to them before an upgrade"
        )


def _some_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _duration_text(seconds: float) -> str:
    minutes = max(0, int(seconds // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"

"""The simulated cluster: databases, roles, authorities and agents, before any wire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from discovery.control_plane.embedded.validation import ORIGIN_LABEL
from discovery.model.values import Database
from discovery.sandbox.authorities import Authority, Key, Leaf, RotatingAuthority
from discovery.sandbox.clock import Clock, SteppableClock, wall_clock
from discovery.sandbox.teleport.identity import Identity, issue_identity
from discovery.sandbox.teleport.messages import Message, fill, from_document
from discovery.sandbox.teleport.resources import KIND, NAMESPACE, VERSION
from discovery.sandbox.teleport.roles import EDITOR, Role, RoleSet, Texts
from discovery.sandbox.teleport.store import Store, Stored

LATEST = "18.4.0"
LISTS_IN_PAGES = (18, 1, 7)
KNOWS_SERVERLESS = (18, 2, 2)
AUTH_NAMES = ("*.teleport.cluster.local", "teleport.cluster.local")
"""The names in Auth's certificate (teleport/README: TLS)."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version of Teleport, and what servers of it can do (teleport/README: Versions)."""

    version: str
    lists_in_pages: bool
    """`ListDatabases` exists."""
    knows_serverless: bool
    """`spec.aws.elasticache_serverless` has a field to be stored in."""

    @classmethod
    def of(
        cls,
        version: str,
        *,
        lists_in_pages: bool | None = None,
        knows_serverless: bool | None = None,
    ) -> Self:
        """Return the release of that version; arguments override what the version says."""
        number = numbers(version)
        return cls(
            version,
            number >= LISTS_IN_PAGES if lists_in_pages is None else lists_in_pages,
            number >= KNOWS_SERVERLESS if knows_serverless is None else knows_serverless,
        )

    def accepts_client(self, client_version: str) -> bool:
        """Return whether a client of that version may call at all."""
        try:
            return numbers(client_version)[0] >= numbers(self.version)[0] - 1
        except ValueError:
            return False


def numbers(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch. Raises ValueError when it is no version."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version)
    if match is None:
        raise ValueError(f"{version!r} is no version")
    return int(match[1]), int(match[2]), int(match[3])


@dataclass(slots=True)
class ClusterBehaviour:
    """Settings and differences of clusters, which may change any time."""

    page_size: int = 1000
    """No page is larger; asked for 0, this many."""
    tls_routing: bool = True
    """What the Proxy answers. Its one port routes by ALPN either way."""
    behind_load_balancer: bool = False
    """A load balancer ends TLS before the Proxy: no ALPN arrives, everything is the web."""
    disconnects_expired: bool = False
    """`disconnect_expired_cert`: connections end when the client's certificate does."""
    auth_names: tuple[str, ...] = AUTH_NAMES
    shortest_ping_interval: timedelta = timedelta(minutes=1)
    """HTTP/2 pings that come faster end the connection (teleport/README: Keepalive)."""


class Cluster:
    """A Teleport cluster. `clock` times the lag of reads; certificates go by the machine's."""

    def __init__(
        self,
        name: str = "teleport.example.com",
        *,
        version: str = LATEST,
        lists_in_pages: bool | None = None,
        knows_serverless: bool | None = None,
        has_key_ids: bool = True,
        read_step: timedelta = timedelta(0),
        clock: Clock = wall_clock,
    ) -> None:
        """Make an empty cluster.

        Args:
            name: Of the cluster.
            version: Of its servers.
            lists_in_pages: What servers can do, whatever `version` says.
            knows_serverless: As `lists_in_pages`.
            has_key_ids: False: its first authorities are from before 2020 (teleport/README: TLS).
            read_step: How often the cache that answers reads follows (`Store.step`).
            clock: The time that the lag of reads goes by.
        """
        self.name = name
        self.release = Release.of(
            version, lists_in_pages=lists_in_pages, knows_serverless=knows_serverless
        )
        self.clock = SteppableClock(clock)
        self.behaviour = ClusterBehaviour()
        self.store = Store(self.clock)
        self.store.step = read_step
        self.locked: set[str] = set()
        """Users with a lock in force: every call of theirs is denied."""
        self.roles: dict[str, Role] = {EDITOR.name: EDITOR}
        self.services: dict[str, Message] = {}
        self.servers: dict[str, Message] = {}
        self.host_ca = RotatingAuthority(name, has_key_ids=has_key_ids)
        self.user_ca = RotatingAuthority(name, has_key_ids=has_key_ids)
        self.web_ca = Authority(f"web of {name}", wall_clock())
        self.generation = 0
        """Changes with every change of an authority."""

    def set_role(self, role: Role) -> None:
        """Set the role, for everybody who has it, from now on."""
        self.roles[role.name] = role

    def remove_role(self, name: str) -> None:
        """Remove the role; who has it gains nothing from it."""
        self.roles.pop(name, None)

    def rights(self, roles: Iterable[str]) -> RoleSet:
        """Return what the named roles, as they are now, give together."""
        return RoleSet(tuple(self.roles[name] for name in roles if name in self.roles))

    def issue(
        self,
        user: str = "bot-cachemuster",
        *roles: str | Role,
        lifetime: timedelta = timedelta(hours=1),
        key: Key | None = None,
    ) -> Identity:
        """Issue a fresh identity with these roles (a `Role` is set in the cluster, too).

        A negative lifetime makes one that has expired. `key` None: a new ECDSA key.
        """
        for role in roles:
            if isinstance(role, Role):
                self.set_role(role)
        return issue_identity(
            user,
            tuple(role.name if isinstance(role, Role) else role for role in roles),
            cluster=self.name,
            user_ca=self.user_ca.newest,
            host_cas=self.host_ca.trusted,
            now=wall_clock(),
            lifetime=lifetime,
            key=key,
        )

    def write_web_ca(self, path: Path) -> Path:
        """Write the authority that web clients must trust (`SSL_CERT_FILE`)."""
        path.write_text(self.web_ca.pem, "utf-8")
        return path

    def auth_certificate(self) -> Leaf:
        """Issue a certificate of the Auth Service."""
        return self.host_ca.oldest.issue_server(self.behaviour.auth_names, wall_clock())

    def begin_rotation(self) -> None:
        """Add new authorities for new identities; Auth still shows the old one."""
        self.host_ca.begin()
        self.user_ca.begin()
        self.generation += 1

    def finish_rotation(self) -> None:
        """Show the new authority, and refuse identities from before the rotation."""
        self.host_ca.finish()
        self.user_ca.finish()
        self.generation += 1

    def rotate(self) -> None:
        """Replace both authorities at once; no identity from before is valid any more."""
        self.begin_rotation()
        self.finish_rotation()

    def place(self, database: Database | Mapping[str, Any]) -> Stored:
        """Put a `db` into the backend, as somebody who needs no permission.

        Raises messages.InvalidDocument for a document that is no `db`.
        """
        document = database.document() if isinstance(database, Database) else database
        message = from_document("DatabaseV3", document)
        message.kind, message.version, message.metadata.namespace = KIND, VERSION, NAMESPACE
        if ORIGIN_LABEL not in message.metadata.labels:
            message.metadata.labels[ORIGIN_LABEL] = "dynamic"
        if not self.release.knows_serverless:
            message.spec.aws.ClearField("elasticache_serverless")
        self.store.put(fill(message))
        placed = self.store.get(message.metadata.name)
        assert placed is not None  # noqa: S101 - it was put there a line ago
        return placed

    def place_service(
        self, name: str, *matchers: Mapping[str, Texts], hostname: str = "db-agent"
    ) -> None:
        """Add a Database Service that proxies what any of these label matchers takes."""
        labels = [
            {"labels": {"values": {key: {"values": _texts(value)} for key, value in m.items()}}}
            for m in matchers
        ]
        header = {
            "kind": "db_service",
            "version": "v1",
            "metadata": {"name": name, "namespace": NAMESPACE},
        }
        document = {"header": header, "spec": {"resource_matchers": labels, "hostname": hostname}}
        self.services[name] = fill(from_document("DatabaseServiceV1", document))

    def place_server(
        self,
        database: Database | Mapping[str, Any],
        *,
        host_id: str = "00000000-0000-4000-8000-000000000001",
        hostname: str = "db-agent",
        health: str = "healthy",
    ) -> None:
        """Add an agent that proxies the database; `health` is `target_health.status`."""
        document = database.document() if isinstance(database, Database) else dict(database)
        name = document["metadata"]["name"]
        spec = {"version": self.release.version, "hostname": hostname, "host_id": host_id}
        message = from_document(
            "DatabaseServerV3",
            {
                "kind": "db_server",
                "version": "v3",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {**spec, "database": document},
                "status": {"target_health": {"status": health, "protocol": "TCP"}},
            },
        )
        self.servers[f"{host_id}/{name}"] = fill(message)

    @property
    def databases(self) -> Mapping[str, dict[str, Any]]:
        """Every `db` in the backend, as JSON, by name."""
        return {stored.name: stored.document for stored in self.store.present}


def _texts(values: Texts) -> list[str]:
    return [values] if isinstance(values, str) else list(values)

"""The `control_plane` section: where databases are registered."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, StrictBool, Tag

from discovery.config.fields import FilePath, HostPort, Matching, OneOrMany, Section


class Origin(StrEnum):
    """What registered resources say in the label `teleport.dev/origin`."""

    DYNAMIC = "dynamic"
    CLOUD = "cloud"


class Route(StrEnum):
    """How the Teleport Auth Service is reached."""

    AUTO = "auto"
    AUTH = "auth"
    PROXY = "proxy"


KeyGlobs = Annotated[
    tuple[
        Annotated[
            str, Matching(r"[a-zA-Z/.0-9_:*-]+", "a label key, or a glob of keys such as team-*")
        ],
        ...,
    ],
    OneOrMany(may_be_empty=True),
]


class Embedded(Section):
    """A registry in a file of its own, for trying, for tests, and for `export` to another tool."""

    kind: Literal["embedded"] = "embedded"
    """`embedded`: a local file."""
    path: FilePath = Path("registry.db")
    """The registry's file. It is created when missing; it cannot be the state file."""
    origin: Origin = Origin.DYNAMIC
    """What registered resources say in `teleport.dev/origin`, as with Teleport."""
    keep_labels: KeyGlobs = ()
    """Globs of label keys that others set on our resources and that stay; reserved labels never
    do. Default: none."""


def _service_port(address: HostPort) -> HostPort:
    if address.is_every_address:
        raise ValueError("* is no host that could be reached; name the cluster's address")
    if address.port == 0:
        raise ValueError("port 0 is no port that a service listens on")
    return address


class Teleport(Section):
    """A Teleport cluster."""

    kind: Literal["teleport"]
    """`teleport`: a cluster."""
    address: Annotated[HostPort, AfterValidator(_service_port)]
    """The cluster's Proxy or Auth Service as host:port, such as teleport.example.com:443."""
    identity_file: FilePath
    """The agent's identity, as tbot writes it. It is read again when it changes."""
    origin: Origin = Origin.DYNAMIC
    """What registered resources say in `teleport.dev/origin`. `cloud` makes them look like those
    of Teleport's own Discovery Service: then no Discovery Service may use our group's name."""
    keep_labels: KeyGlobs = ()
    """Globs of label keys that others set on our resources and that stay; reserved labels never
    do. Default: none."""
    route: Route = Route.AUTO
    """`auth` speaks to the Auth Service directly, `proxy` through the Proxy Service, `auto` finds
    out at each start."""
    allow_older: StrictBool = False
    """True: work with clusters older than those this version was made for."""


def _kind(value: Any) -> str | None:
    if isinstance(value, Embedded | Teleport):
        return f"({type(value).__name__})"
    kind = value.get("kind") if isinstance(value, dict) else None
    return {"embedded": "(Embedded)", "teleport": "(Teleport)"}.get(str(kind))


ControlPlane = Annotated[
    Annotated[Teleport, Tag("(Teleport)")] | Annotated[Embedded, Tag("(Embedded)")],
    Discriminator(_kind),
]

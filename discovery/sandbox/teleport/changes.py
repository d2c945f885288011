"""Changes that other people make to a cluster while cachemuster works in it.

A change without a name is made to the resource that the call at hand is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role

OWNER_LABEL = "managed-by"
OUR_LABELS = "cachemuster/"


class ClusterChange(Protocol):
    """A change of the cluster."""

    def do(self, cluster: Cluster, subject: str) -> None:
        """Make the change; without effect when its resource does not exist."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Somebody changes labels (None removes one), the description, or parts of the spec."""

    name: str = ""
    labels: Mapping[str, str | None] = field(default_factory=dict)
    description: str | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the spec that get another value as a whole."""

    def do(self, cluster: Cluster, subject: str) -> None:
        """Change the resource."""
        stored = cluster.store.get(self.name or subject)
        if stored is None:
            return
        document = stored.document
        metadata = document["metadata"]
        labels = {**metadata.get("labels", {}), **self.labels}
        metadata["labels"] = {k: v for k, v in labels.items() if v is not None}
        if self.description is not None:
            metadata["description"] = self.description
        document["spec"] = {**document.get("spec", {}), **self.spec}
        cluster.place(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """Another tool takes ownership: its label replaces ours."""

    name: str = ""
    by: str = "somebody-else"

    def do(self, cluster: Cluster, subject: str) -> None:
        """Replace the owner labels."""
        stored = cluster.store.get(self.name or subject)
        if stored is None:
            return
        ours = {key: None for key in stored.labels if key.startswith(OUR_LABELS)}
        Edit(labels={**ours, OWNER_LABEL: self.by}).do(cluster, stored.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Somebody copies the resource, labels and all, under another name."""

    to: str
    name: str = ""

    def do(self, cluster: Cluster, subject: str) -> None:
        """Add the copy."""
        stored = cluster.store.get(self.name or subject)
        if stored is not None:
            document = stored.document
            document["metadata"]["name"] = self.to
            cluster.place(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somebody registers a `db`."""

    document: Mapping[str, Any]

    def do(self, cluster: Cluster, subject: str) -> None:
        """Register it."""
        cluster.place(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Somebody deletes the resource."""

    name: str = ""

    def do(self, cluster: Cluster, subject: str) -> None:
        """Delete it."""
        if cluster.store.get(self.name or subject) is not None:
            cluster.store.delete(self.name or subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRole:
    """Somebody changes a role, and with it what its holders see."""

    role: Role

    def do(self, cluster: Cluster, subject: str) -> None:
        """Set the role."""
        cluster.set_role(self.role)


def change_from_document(document: Mapping[str, Any]) -> ClusterChange:
    """Read a change such as `{"edit": {…}}`. Raises ValueError."""
    if len(document) != 1:
        raise ValueError(f"a change has one key of {', '.join(sorted(_CHANGES))}")
    [(kind, details)] = document.items()
    make = _CHANGES.get(kind)
    if make is None:
        raise ValueError(f"no change is called {kind!r}; there are {', '.join(sorted(_CHANGES))}")
    try:
        return make(**details)  # type: ignore[no-any-return]
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error


def _change_role(**document: Any) -> ChangeRole:
    return ChangeRole(role=Role.from_document(document))


_CHANGES: Mapping[str, Any] = {
    "edit": Edit,
    "take_over": TakeOver,
    "copy": Copy,
    "place": Place,
    "remove": Remove,
    "change_role": _change_role,
}

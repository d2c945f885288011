"""Roles: verbs on kinds, and which databases and Database Services their labels show.

Source: teleport/README: Roles. Label patterns are Teleport's own: literals, globs, `^…$`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from matchers.selectors import InvalidPattern, TagSelector

ALL = "*"

Texts = str | Sequence[str]
"""One text, or a list of them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One half of a role, what it allows or what it denies."""

    labels: TagSelector
    """The databases it is about: all keys must fit; no key at all fits nothing."""
    rules: tuple[tuple[frozenset[str], frozenset[str]], ...]
    """(kinds, verbs) pairs."""
    service_labels: TagSelector
    """The Database Services it is about, by the same rule."""

    @classmethod
    def of(
        cls,
        labels: Mapping[str, Texts],
        rules: Iterable[tuple[Texts, Texts]],
        service_labels: Mapping[str, Texts] | None = None,
    ) -> Self:
        """Return a half of a role. Raises ValueError for a pattern that cannot be used."""
        return cls(
            _selector(labels),
            tuple((frozenset(_texts(kinds)), frozenset(_texts(verbs))) for kinds, verbs in rules),
            _selector(service_labels or {}),
        )

    def is_about(self, labels: Mapping[str, str]) -> bool:
        """Return whether a database with these labels is meant."""
        return _takes(self.labels, labels)

    def is_about_service(self, labels: Mapping[str, str]) -> bool:
        """Return whether a Database Service with these labels is meant."""
        return _takes(self.service_labels, labels)

    def has(self, verb: str, kind: str) -> bool:
        """Return whether a rule names the verb on the kind."""
        return any({kind, ALL} & kinds and {verb, ALL} & verbs for kinds, verbs in self.rules)


@dataclass(frozen=True, slots=True)
class Role:
    """A role as the cluster holds it at this moment."""

    name: str
    allow: Grant
    deny: Grant

    @classmethod
    def of(
        cls,
        name: str,
        *,
        db_labels: Mapping[str, Texts] | None = None,
        db_service_labels: Mapping[str, Texts] | None = None,
        rules: Mapping[str, Texts] | None = None,
        deny_labels: Mapping[str, Texts] | None = None,
        deny_rules: Mapping[str, Texts] | None = None,
    ) -> Self:
        """Return a role; `rules` maps a kind to its verbs."""
        return cls(
            name,
            Grant.of(db_labels or {}, tuple((rules or {}).items()), db_service_labels),
            Grant.of(deny_labels or {}, tuple((deny_rules or {}).items())),
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the role that `tctl create -f` makes of this. Raises ValueError."""
        try:
            if document["kind"] != "role":
                raise ValueError(f"kind {document['kind']!r} is no role")
            name, spec = str(document["metadata"]["name"]), document["spec"]
            return cls(name, _grant(spec.get("allow")), _grant(spec.get("deny")))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no role: {error!r}") from error
        except InvalidPattern as error:
            raise ValueError(f"role {name}: {error}") from error


@dataclass(frozen=True, slots=True)
class RoleSet:
    """The roles of one caller; any of them may allow, each of them can deny."""

    roles: tuple[Role, ...]

    def may(self, verb: str, kind: str) -> bool:
        """Return whether the caller may do that to resources of that kind at all."""
        denied = any(role.deny.has(verb, kind) for role in self.roles)
        return not denied and any(role.allow.has(verb, kind) for role in self.roles)

    def reaches(self, labels: Mapping[str, str]) -> bool:
        """Return whether a database with these labels exists for the caller."""
        denied = any(role.deny.is_about(labels) for role in self.roles)
        return not denied and any(role.allow.is_about(labels) for role in self.roles)

    def reaches_service(self, labels: Mapping[str, str]) -> bool:
        """Return whether a Database Service with these labels is listed for the caller."""
        denied = any(role.deny.is_about_service(labels) for role in self.roles)
        return not denied and any(role.allow.is_about_service(labels) for role in self.roles)


def _grant(half: Mapping[str, Any] | None) -> Grant:
    half = half or {}
    rules = [(rule["resources"], rule["verbs"]) for rule in half.get("rules", ())]
    return Grant.of(half.get("db_labels") or {}, rules, half.get("db_service_labels"))


def _selector(labels: Mapping[str, Texts]) -> TagSelector:
    return TagSelector.of({key: _texts(values) for key, values in labels.items()})


def _takes(selector: TagSelector, labels: Mapping[str, str]) -> bool:
    if selector.is_everything:
        return True
    wanted = selector.requirements
    return bool(wanted) and all(key in labels and each.matches(labels[key]) for key, each in wanted)


def _texts(values: Texts) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


DB_VERBS = ("list", "read", "create", "update", "delete")
READ = ("list", "read")


def bot_role(group: str, *, name: str = "cachemuster") -> Role:
    """Return the role that cachemuster's bot should have: it sees its own databases only."""
    return Role.of(
        name,
        db_labels={"managed-by": "cachemuster", "cachemuster/group": group},
        db_service_labels={ALL: ALL},
        rules={"db": DB_VERBS, "db_service": READ, "db_server": READ},
    )


EDITOR = Role.of("editor", db_labels={ALL: ALL}, db_service_labels={ALL: ALL}, rules={ALL: ALL})
"""A person who may do everything."""

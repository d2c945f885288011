"""Translate the AWS matchers of Teleport's Discovery Service.

What Teleport does with each setting: control_plane/README: Tag matchers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from discovery.config.fields import ROLE_ARN
from discovery.config.problems import Path, Problem, dotted, quoted
from discovery.config.yaml_document import Document, list_in, mapping_in, texts_in
from matchers.selectors import InvalidPattern, Pattern

TYPE: Final = "elasticache-serverless"

_EXTERNAL_ID: Final = "CACHEMUSTER_EXTERNAL_ID"
_READ: Final = {
    *("types", "regions", "tags", "integration", "organization"),
    *("assume_role", "assume_role_arn", "assume_role_name", "external_id"),
}
"""Keys of a matcher that are carried over; of any other a comment says that it is not."""


@dataclass(slots=True, kw_only=True)
class Translation:
    """Parts of the configuration that is made."""

    document: Document
    own_account: str | None
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    organizations: list[dict[str, Any]] = field(default_factory=list)
    regions: dict[str, None] = field(default_factory=dict)
    matchers: list[dict[str, Any]] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    """References by the external id that each stands for."""
    scans_own_account: bool = False
    """True when a matcher uses the credentials of the service itself."""
    comments: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def lists_accounts(self) -> bool:
        """Whether accounts are named, so that those which are not are left out."""
        return bool(self.accounts or self.organizations)

    def comment(self, path: Path, message: str) -> None:
        """Add what a person has to look at."""
        self.comments.append(f"{dotted(path)}{message}")

    def reference(self, external_id: Any, path: Path) -> str | None:
        """Return the reference that stands for this external id; the same for the same id."""
        if external_id in (None, ""):
            return None
        number = len(self.references) + 1
        known = self.references.setdefault(
            str(external_id), f"env:{_EXTERNAL_ID}" + (f"_{number}" if number > 1 else "")
        )
        variable = known.removeprefix("env:")
        self.comment(path, f": put the external id into the environment variable {variable}")
        return known


def add_matcher(found: Translation, entry: Mapping[str, Any], path: Path) -> None:
    """Add what one entry of `aws` asks for, or a comment on why it cannot be carried over."""
    types = [text for _, text in texts_in(entry.get("types"))]
    others = ", ".join(kind for kind in types if kind != TYPE)
    if others:
        found.comment(path, f": {others} stays with Teleport's Discovery Service")
    if TYPE not in types:
        return
    if entry.get("integration"):
        why = "it uses the credentials of an AWS OIDC integration; give the account a role instead"
        found.comment(path, f" is left out: {why}")
        return
    for key in sorted(entry.keys() - _READ):
        found.comment((*path, key), " is not carried over")
    tags = _tags(found, entry.get("tags"), (*path, "tags"))
    place = None if tags is None else _place(found, entry, path)
    if place is None:
        return
    regions = [text for _, text in texts_in(entry.get("regions"))]
    if "*" in regions:
        why = '"*" finds no cache in Teleport; here it is every enabled region'
        found.comment((*path, "regions"), f": {why}")
    found.regions.update(dict.fromkeys(regions))
    matcher = {
        "name": f"teleport-{len(found.matchers) + 1}",
        "accounts": place.accounts,
        "regions": regions,
        "tags": tags,
        "connect": place.connect,
    }
    found.matchers.append({key: value for key, value in matcher.items() if value})


def _tags(found: Translation, section: Any, path: Path) -> dict[str, list[str]] | None:
    """Return the tags; empty: every cache; None: Teleport matches nothing with them."""
    tags = mapping_in(section)
    if [_characters(found, tags.get("*"), (*path, "*"))] == [["*"]]:
        for key in tags.keys() - {"*"}:
            found.comment((*path, key), ' is left out: beside "*": "*" it has no effect')
        return {}
    usable: dict[str, list[str]] = {}
    for key, value in tags.items():
        every = _characters(found, value, (*path, key))
        usable[key] = [text for text in every if _is_pattern(text)]
        for text in every:
            if text not in usable[key]:
                found.comment((*path, key), f": {quoted(text)} is no valid expression")
        if not usable[key]:
            found.comment(path[:-1], f" is left out: {dotted((*path, key))} can match no cache")
            return None
    return usable


def _characters(found: Translation, value: Any, path: Path) -> list[str]:
    """Return the values of a tag as Teleport reads them: as they are written."""
    is_list = isinstance(value, list)
    places = [(*path, index) if is_list else path for index in range(len(list_in(value)))]
    values = zip(list_in(value), places, strict=True)
    return [one if isinstance(one, str) else found.document.unquoted(at) for one, at in values]


def _is_pattern(text: str) -> bool:
    try:
        Pattern(text)
    except InvalidPattern:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Place:
    """Accounts that a matcher is for, and the role to connect to their caches with."""

    accounts: list[str]
    connect: dict[str, str]


def _place(found: Translation, entry: Mapping[str, Any], path: Path) -> _Place | None:
    """Add the accounts of an entry. Returns None when it is left out."""
    role = mapping_in(entry.get("assume_role"))
    reference = found.reference(role.get("external_id") or entry.get("external_id"), path)
    external_id = {"external_id": reference} if reference else {}
    if organization := mapping_in(entry.get("organization")):
        name = role.get("role_name") or entry.get("assume_role_name")
        return _organization(found, organization, name, external_id, path)
    arn = role.get("role_arn") or entry.get("assume_role_arn")
    if arn is None:
        return _own_account(found)
    if not isinstance(arn, str) or re.fullmatch(ROLE_ARN, arn, re.ASCII) is None:
        found.problems.append(Problem("the role to assume is no role ARN", path))
        return None
    account_id = arn.split(":")[4]
    account = {"id": account_id, "role_arn": arn, **external_id}
    if found.accounts.setdefault(account_id, account) != account:
        why = f"{arn} only connects; account {account_id} is scanned with the role of another entry"
        found.comment(path, f": {why}")
    return _Place([account_id], {"assume_role_arn": arn, **external_id})


def _own_account(found: Translation) -> _Place:
    """Add the account of the service's own credentials."""
    found.scans_own_account = True
    if not found.own_account:
        return _Place([], {})
    found.accounts.setdefault(found.own_account, {"id": found.own_account})
    return _Place([found.own_account], {})


def _organization(
    found: Translation,
    organization: Mapping[str, Any],
    role_name: Any,
    external_id: dict[str, str],
    path: Path,
) -> _Place | None:
    """Add the accounts of an organization."""
    if not isinstance(role_name, str):
        found.problems.append(Problem("an organization needs assume_role.role_name", path))
        return None
    units = mapping_in(organization.get("organizational_units"))
    include = [text for _, text in texts_in(units.get("include")) if text != "*"]
    exclude = [text for _, text in texts_in(units.get("exclude"))]
    section: dict[str, Any] = {"role_name": role_name, **external_id}
    section |= {"include_ous": include} if include else {}
    section |= {"exclude_ous": exclude} if exclude else {}
    if {"organization": section} not in found.organizations:
        found.organizations.append({"organization": section})
    why = "Teleport finds caches in no organization; here they are found, and in every account"
    found.comment((*path, "organization"), f": {why}")
    arn = f"arn:{{partition}}:iam::{{account_id}}:role/{role_name}"
    return _Place(["*"], {"assume_role_arn": arn, **external_id})

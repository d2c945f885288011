"""Checks that concern several values of a configuration at once.

The checks look at the file as it was read, so that they speak up in the same go as the complaints
about single values; where a value is of the wrong type they keep silent.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from discovery.config.fields import HostPort
from discovery.config.page import PageMode
from discovery.config.partitions import mixed_partitions
from discovery.config.problems import Path, Problem, dotted, quoted
from discovery.config.proxies import is_loopback
from discovery.config.service import Service
from discovery.config.yaml_document import list_in, mapping_in, texts_in
from matchers.keys import DISCOVERY_KEYS, is_reserved
from matchers.label_templates import ACCOUNT_NAME, placeholders_in
from matchers.selectors import Pattern


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Values that do not go together; the place is that of the key where `of_key` is set."""

    problem: Problem
    of_key: bool = False


def contradictions(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Find all values that do not go together, section by section."""
    aws = mapping_in(data.get("aws"))
    accounts = list_in(aws.get("accounts"))
    matchers = list_in(data.get("matchers"))
    yield from _twice(("aws", "accounts"), accounts, "id")
    for i, account in enumerate(accounts):
        yield from _account(("aws", "accounts", i), mapping_in(account))
    yield from _regions(("aws", "regions"), aws)
    yield from _twice(("matchers",), matchers, "name")
    for i, matcher in enumerate(matchers):
        reads_tags = aws.get("read_tags") is not False
        yield from _matcher(("matchers", i), mapping_in(matcher), reads_tags=reads_tags)
        if aws.get("account_names") == "none":
            yield from _needs_names(("matchers", i, "labels"), mapping_in(matcher).get("labels"))
    yield from _owner_tag(mapping_in(data.get("reports")), aws)
    yield from _one_file(data)
    yield from _page(mapping_in(data.get("service")))
    yield from (Contradiction(problem) for problem in mixed_partitions(data))


def _twice(path: Path, entries: list[Any], key: str) -> Iterator[Contradiction]:
    first: dict[str, Path] = {}
    for i, entry in enumerate(entries):
        value, place = mapping_in(entry).get(key), (*path, i, key)
        if not isinstance(value, str):
            continue
        if value in first:
            message = f"{quoted(value)} is there already as {dotted(first[value])}"
            yield Contradiction(Problem(message, place))
        first.setdefault(value, place)


def _account(path: Path, account: Mapping[str, Any]) -> Iterator[Contradiction]:
    role, account_id = account.get("role_arn"), account.get("id")
    if account.get("external_id") is not None and role is None and "organization" not in account:
        message = "an external id is sent with a role only; role_arn is missing"
        yield Contradiction(Problem(message, (*path, "external_id")), of_key=True)
    parts = role.split(":") if isinstance(role, str) else []
    if isinstance(account_id, str) and len(parts) > 4 and parts[4] != account_id:
        message = f"a role of account {quoted(parts[4])} cannot scan account {quoted(account_id)}"
        yield Contradiction(Problem(message, (*path, "role_arn")))


def _regions(path: Path, aws: Mapping[str, Any]) -> Iterator[Contradiction]:
    """A region that is named in full and left out again; of globs that is what they are for."""
    globs = [Pattern(text) for _, text in texts_in(aws.get("exclude_regions")) if text[:1] != "^"]
    for i, region in texts_in(aws.get("regions")):
        if "*" not in region and any(glob.matches(region) for glob in globs):
            message = f"{quoted(region)} is left out again by aws.exclude_regions"
            yield Contradiction(Problem(f"{message}; leave it out of one of them", (*path, i)))


def _matcher(
    path: Path, matcher: Mapping[str, Any], *, reads_tags: bool
) -> Iterator[Contradiction]:
    for field in ("tags", "exclude_tags"):
        for key in mapping_in(matcher.get(field)):
            yield from _tag_key((*path, field, key), key, reads_tags=reads_tags)
    excluded = list_in(mapping_in(matcher.get("exclude_tags")).get("*"))
    if excluded == ["*"]:
        message = '"*": "*" excludes every cache; leave the matcher out instead'
        yield Contradiction(Problem(message, (*path, "exclude_tags")))


def _tag_key(path: Path, key: str, *, reads_tags: bool) -> Iterator[Contradiction]:
    if key == "*" or key in DISCOVERY_KEYS:
        return
    if is_reserved(key):
        message = "no cache has this label while it is matched: the key is reserved"
        yield Contradiction(Problem(message, path), of_key=True)
    elif not reads_tags:
        known = ", ".join(sorted(DISCOVERY_KEYS))
        message = f"aws.read_tags is false, so nothing but {known} is known of a cache"
        yield Contradiction(Problem(message, path), of_key=True)


def _needs_names(path: Path, labels: Any) -> Iterator[Contradiction]:
    for key, template in mapping_in(labels).items():
        if isinstance(template, str) and ACCOUNT_NAME in placeholders_in(template):
            message = f"aws.account_names is none, so {{{ACCOUNT_NAME}}} would never have a value"
            yield Contradiction(Problem(message, (*path, key)))


def _owner_tag(reports: Mapping[str, Any], aws: Mapping[str, Any]) -> Iterator[Contradiction]:
    if reports.get("owner_tag") is not None and aws.get("read_tags") is False:
        message = "aws.read_tags is false, so no cache would have an owner"
        yield Contradiction(Problem(message, ("reports", "owner_tag")))


def _one_file(data: Mapping[str, Any]) -> Iterator[Contradiction]:
    plane = mapping_in(data.get("control_plane"))
    if plane.get("kind", "embedded") != "embedded":
        return
    registry = plane.get("path", "registry.db")
    state = mapping_in(data.get("state")).get("path", "cachemuster.db")
    if not (isinstance(registry, str) and isinstance(state, str)):
        return
    if os.path.normpath(registry) == os.path.normpath(state):
        path: Path = ("control_plane", "path") if "path" in plane else ("state", "path")
        message = f"{quoted(state)} cannot be both the state and the registry"
        yield Contradiction(Problem(message, path))


def _page(service: Mapping[str, Any]) -> Iterator[Contradiction]:
    if service.get("page") != PageMode.LOOPBACK:
        return
    listen = service.get("listen", str(Service().listen))
    try:
        host = HostPort.parse(listen).host if isinstance(listen, str) else None
    except ValueError:
        host = None  # it is refused by itself
    if host is not None and not is_loopback(host):
        message = (
            f"the page would be open to whoever reaches {quoted(listen)}: listen on "
            "127.0.0.1:9808, or write page: {bearer: file:/path}"
        )
        yield Contradiction(Problem(message, ("service", "page")))

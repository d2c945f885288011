"""Make a configuration of the `discovery_service` in a teleport.yaml, or of a `discovery_config`.

What cannot be carried over becomes a comment. An external id becomes a reference; its value is
not copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from discovery.config.control_plane import Origin
from discovery.config.durations import format_duration
from discovery.config.load import parse_config, read_text
from discovery.config.problems import ConfigError, Path, Problem, on_one_line
from discovery.config.teleport_matchers import TYPE, Translation, add_matcher
from discovery.config.yaml_document import Document, Unreadable, list_in, mapping_in, texts_in

IDENTITY_FILE: Final = "/opt/machine-id/identity"
"""Where deploy/teleport has tbot write the agent's identity."""

_ADDRESS: Final = "teleport.example.com:443"
_NO_MATCHERS: Final = "there is no discovery_service with `aws` matchers, and no discovery_config"
_WHICH_ACCOUNT: Final = (
    "some matchers have a role and others have none, so they find the caches of the account of the "
    "service's own credentials: name it with --own-account"
)
_SAME_GROUP: Final = (
    "the group {group} is this service's own discovery_group, so it would remove the databases "
    "once its matchers are gone; choose another --group"
)
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
_INTERVALS: Final = (timedelta(seconds=10), timedelta(days=7))
"""The shortest and the longest `service.interval`."""


class CannotImport(ConfigError):
    """The file cannot be translated. It holds every problem."""

    consequence = "Nothing was written."


def import_file(file: FilePath, *, own_account: str | None, group: str | None = None) -> str:
    """Return the text of a configuration that finds what the Discovery Service in `file` finds.

    Args:
        file: A teleport.yaml, or a discovery_config.
        own_account: The account of the credentials that matchers without a role use; needed when
            others have a role.
        group: Another group than the Discovery Service's. Registrations then keep its origin, so
            that adopting one is an update; else it is removed and registered anew.

    Raises: ConfigError.
    """
    name = on_one_line(str(file))
    document = _document(read_text(file), name)
    section, path = _section(document.data)
    found = Translation(document=document, own_account=own_account)
    for index, entry in enumerate(list_in(section.get("aws"))):
        add_matcher(found, mapping_in(entry), (*path, "aws", index))
    problems = _problems(section, found)
    if group is not None and group == section.get("discovery_group"):
        problems = [*problems, Problem(_SAME_GROUP.format(group=group), (*path, "discovery_group"))]
    if problems:
        raise CannotImport(problems, name)
    configuration = _configuration(found, section, path)
    if group is not None:
        configuration["group"] = group
        configuration["control_plane"]["origin"] = Origin.CLOUD.value
    text = _text(configuration, found.comments, name)
    try:
        parse_config(text, file=f"the configuration made from {name}", base=FilePath())
    except ConfigError as error:
        raise CannotImport(error.problems, error.file) from error
    return text


def _document(text: str, name: str) -> Document:
    try:
        document = Document(text)
    except Unreadable as error:
        raise CannotImport([error.problem], name) from error
    if document.problems:
        raise CannotImport(document.problems, name)
    return document


def _section(data: Any) -> tuple[Mapping[str, Any], Path]:
    """Return the section that has the matchers, and where it is."""
    root = mapping_in(data)
    key = "spec" if root.get("kind") == "discovery_config" else "discovery_service"
    return mapping_in(root.get(key)), (key,)


def _problems(section: Mapping[str, Any], found: Translation) -> list[Problem]:
    if not section.get("aws"):
        return [Problem(_NO_MATCHERS)]
    problems = found.problems
    if not found.matchers and not problems:
        comments = [f"no matcher for {TYPE} can be carried over", *found.comments]
        problems = [Problem(comment) for comment in comments]
    if found.scans_own_account and not found.own_account and found.lists_accounts:
        problems = [*problems, Problem(_WHICH_ACCOUNT)]
    return problems


def _configuration(found: Translation, section: Mapping[str, Any], path: Path) -> dict[str, Any]:
    group = section.get("discovery_group")
    if not isinstance(group, str):
        found.comment(path, " has no discovery_group: choose a name for `group`")
    accounts = [*found.accounts.values(), *found.organizations]
    interval = _interval(found, section, path)
    return {
        "version": 1,
        "group": group if isinstance(group, str) else "teleport",
        "aws": {**({"accounts": accounts} if accounts else {}), "regions": list(found.regions)},
        "matchers": found.matchers,
        "control_plane": {
            "kind": "teleport",
            "address": _address(found),
            "identity_file": IDENTITY_FILE,
        },
        **({"service": {"interval": format_duration(interval)}} if interval else {}),
    }


def _address(found: Translation) -> str:
    teleport = mapping_in(mapping_in(found.document.data).get("teleport"))
    for key in ("proxy_server", "auth_server", "auth_servers"):
        for _, text in texts_in(teleport.get(key)):
            return text
    found.comments.append("the file does not name the cluster: set control_plane.address")
    return _ADDRESS


def _interval(found: Translation, section: Mapping[str, Any], path: Path) -> timedelta | None:
    if "poll_interval" not in section:
        return None
    interval = _go_duration(str(section["poll_interval"]))
    if interval is not None and _INTERVALS[0] <= interval <= _INTERVALS[1]:
        return interval
    found.comment((*path, "poll_interval"), " is not carried over: service.interval is 10s to 7d")
    return None


def _go_duration(text: str) -> timedelta | None:
    """Return a duration as Go writes it, such as `1h30m`, to the second; None for other texts."""
    parts = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)", text, re.ASCII)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return timedelta(seconds=int(min(seconds, 1e9)))


class _Dumper(yaml.SafeDumper):
    """Puts numbers and times in quotes: readers of YAML differ in what they take for one."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.fullmatch("[0-9.:_]+", text, re.ASCII) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _text(configuration: Mapping[str, Any], comments: list[str], name: str) -> str:
    lines = [f"Made from {name} by `cachemuster config import`."]
    if comments:
        lines += ["To be looked at:", *(f"- {comment}" for comment in comments)]
    header = "".join(f"# {on_one_line(line)}\n" for line in lines)
    return header + yaml.dump(
        configuration, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )

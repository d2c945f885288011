"""Write resources as YAML that `tctl create -f` takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import yaml

from discovery.model.values import Database

_SURE: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ./_-]*[A-Za-z0-9]")
"""Text that no reader of YAML takes for anything else. The rest is quoted: Go's readers see
numbers and booleans in more spellings (`0o17`, `y`) than Python's writer guards against."""


class _Dumper(yaml.SafeDumper):
    """Safe, without anchors, and with quotes where a reader could be in doubt."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _SURE.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def write_resources(databases: Iterable[Database], stream: TextIO) -> None:
    """Write one YAML document for each resource, by name.

    Connect external ids are there in clear: the resource does not work without.
    """
    write_documents((one.document() for one in sorted(databases, key=lambda one: one.name)), stream)


def write_documents(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Write one YAML document for each mapping, in their order."""
    for document in documents:
        yaml.dump(
            {key: _plain(value) for key, value in document.items()},
            stream,
            Dumper=_Dumper,
            explicit_start=True,
            sort_keys=False,
            allow_unicode=False,
            width=4096,
        )


def external_ids(databases: Iterable[Database]) -> int:
    """Count the resources that hold a connect external id."""
    return sum(1 for one in databases if (one.spec.get("aws") or {}).get("external_id"))


def _plain(value: Any) -> Any:
    """What YAML has words for, keys sorted: equal resources give equal text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    return str(value) if isinstance(value, str) else value

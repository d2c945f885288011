"""Messages for the person who wrote the file, made from pydantic's errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from discovery.config.control_plane import Embedded, Teleport
from discovery.config.durations import EXPECTED
from discovery.config.model import Config
from discovery.config.problems import MOST_SHOWN, Path, Problem, did_you_mean, quoted
from discovery.config.yaml_document import Document, YamlSurprise, mapping_in

_KINDS = ("teleport", "embedded")


def problems_of(
    error: ValidationError, document: Document, model: type[BaseModel] = Config
) -> list[Problem]:
    """Make one problem, with its message and place, of every error that pydantic found."""
    faults = [_placed(fault, document) for fault in error.errors(include_url=False)]
    faults.sort(key=lambda found: found[2:])
    return [
        Problem(
            _message(fault, path, document, model, guesses=number < MOST_SHOWN),
            path,
            line=line,
            column=column,
        )
        for number, (fault, path, line, column) in enumerate(faults)
    ]


def _placed(
    fault: Mapping[str, Any], document: Document
) -> tuple[Mapping[str, Any], Path, int, int]:
    path = _path(fault["loc"])
    about_key = fault["type"] == "extra_forbidden" or "[key]" in fault["loc"]
    if fault["type"].startswith("union_tag") and "kind" in mapping_in(fault["input"]):
        path = (*path, "kind")
    return (fault, path, *document.place(path, of_key=about_key))


def _path(loc: tuple[str | int, ...]) -> Path:
    """Return the path in the file.

    pydantic also names the members of unions, which we put in brackets.
    """
    return tuple(part for part in loc if not _is_ours(part))


def _is_ours(part: str | int) -> bool:
    return isinstance(part, str) and (part == "[key]" or part in _MEMBERS)


_MEMBERS = (
    "(Account)",
    "(OrganizationAccounts)",
    "(accounts)",
    "(switch)",
    "(mode)",
    "(TokenPage)",
    "(Teleport)",
    "(Embedded)",
)


def _message(
    fault: Mapping[str, Any],
    path: Path,
    document: Document,
    model: type[BaseModel],
    *,
    guesses: bool,
) -> str:
    """What is wrong. `guesses`: with what was meant, which takes its time."""
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            known = model if guesses else None
            return _unknown_key(fault["loc"], str(path[-1]), known)
        case "union_tag_not_found" | "union_tag_invalid":
            return _no_kind(fault["input"])
        case "value_error":
            return str(limits["error"])
        case "enum" | "literal_error":
            return _not_one_of(fault["input"], re.findall(r"'([^']*)'", limits["expected"]))
        case kind if kind in _SENTENCES:
            return _SENTENCES[kind].format(found=fault["input"], **limits)
        case kind:
            return _wrong_type(kind, fault["input"], document.unquoted(path))


_SENTENCES = {
    "missing": "the key is missing",
    "greater_than_equal": "{found} is less than {ge}, the least there may be",
    "less_than_equal": "{found} is more than {le}, the most there may be",
    "string_too_short": "the text is empty",
    "string_too_long": "the text is longer than {max_length} characters",
    "too_long": "the list has more than {max_length} entries",
}


def _wrong_type(kind: str, found: Any, written: str) -> str:
    wanted = _WANTED.get(kind, "another value")
    if found is None:
        return f"the value is missing; wanted: {wanted}"
    if isinstance(found, Mapping | list | tuple):
        shape = "a mapping" if isinstance(found, Mapping) else "a list"
        return f"{shape} cannot be used here; wanted: {wanted}"
    shown = quoted(written or str(found))
    if kind != "string_type":
        return f"{shown} is not {wanted}"
    return f"{shown} without quotes is {_reading(found)} to YAML; put it in quotes"


_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "duration_type": EXPECTED,
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _reading(found: Any) -> str:
    if isinstance(found, YamlSurprise):
        return found.reading
    return str(found).lower() if isinstance(found, bool) else "a number"


def _not_one_of(found: Any, choices: list[str]) -> str:
    listed = ", ".join(choices)
    if not isinstance(found, str):
        return f"the value has to be one of {listed}, as a text"
    return f"{quoted(found)} is not one of {listed}{did_you_mean(found, choices)}"


def _no_kind(control_plane: Any) -> str:
    if not isinstance(control_plane, Mapping):
        return "a control plane is a mapping with the key `kind`"
    if "kind" not in control_plane:
        return "the key `kind` is missing; it is teleport or embedded"
    return _not_one_of(control_plane["kind"], list(_KINDS))


def _unknown_key(loc: tuple[str | int, ...], key: str, model: type[BaseModel] | None) -> str:
    for mine, other in ((Embedded, Teleport), (Teleport, Embedded)):
        if f"({mine.__name__})" in loc and key in other.model_fields:
            kinds = f"{other.__name__.lower()}, not {mine.__name__.lower()}"
            return f"the key belongs to a control plane of kind {kinds}"
    known = _keys_at(loc[:-1], model) if model else ()
    return f"there is no such key{did_you_mean(key, known)}"


def _keys_at(loc: Iterable[str | int], model: type[BaseModel]) -> set[str]:
    """The keys of the section at `loc`."""
    sections: set[type[BaseModel]] = {model}
    for part in loc:
        if isinstance(part, int):
            continue
        if part in _MEMBERS:
            sections = {s for s in sections if f"({s.__name__})" == part}
            continue
        fields = [s.model_fields[part] for s in sections if part in s.model_fields]
        sections = {found for field in fields for found in _sections_in(field.annotation)}
    return {key for section in sections for key in section.model_fields}


def _sections_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for inner in get_args(annotation) for found in _sections_in(inner)}

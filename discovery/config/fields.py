"""Types of configuration values, each with its check, its message and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictInt,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from discovery.config.durations import PATTERN, format_duration, parse_duration
from discovery.config.problems import quoted


class Section(BaseModel):
    """One mapping of the configuration: frozen, and closed to keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Matching:
    """A text that matches `pattern` as a whole; `expected` says to a person what that is."""

    pattern: str
    expected: str
    shown: bool = True
    """False keeps the value out of messages: it may be a secret in the wrong place."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        if self.shown:
            return core_schema.no_info_after_validator_function(self._check, handler(source))
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}

    def _check(self, value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            return value
        subject = f"{quoted(str(value))} is not" if self.shown else "not"
        raise ValueError(f"{subject} {self.expected}")


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """A list of values, for which a single value may stand."""

    may_be_empty: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        if not self.may_be_empty:
            many["minItems"] = 1
        return {"anyOf": [many["items"], many]}

    def _listed(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return [value]
        if not value and not self.may_be_empty:
            raise ValueError("an empty list: leave the key out, or name at least one")
        return value


@dataclass(frozen=True, slots=True)
class DurationRange:
    """A duration between two others, both included."""

    at_least: str = "0s"
    at_most: str = "3650d"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                format_duration, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{PATTERN}$"}

    def _parse(self, value: Any) -> timedelta:
        if isinstance(value, timedelta):
            value = format_duration(value)
        if not isinstance(value, str):
            raise PydanticCustomError("duration_type", "not a duration")
        try:
            span = parse_duration(value)
        except ValueError as error:
            raise ValueError(f"{quoted(value)} is {error}") from error
        if not parse_duration(self.at_least) <= span <= parse_duration(self.at_most):
            limits = f"between {self.at_least} and {self.at_most}"
            raise ValueError(f"{quoted(value)} is not {limits}")
        return span


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host and a port, written `host:port` or `[::1]:port`; `*:port` is every address."""

    host: str
    port: int

    @property
    def is_every_address(self) -> bool:
        """Whether it stands for every address of both families of this machine."""
        return self.host == "*"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a host, a colon and a port from 0 to 65535. Raises: ValueError."""
        found = re.fullmatch(_HOST_PORT, text, re.ASCII)
        if found is None or int(found["port"]) > 65535:
            hint = "; leave out what comes before the host" if "://" in text else ""
            raise ValueError(f"{quoted(text)} is not host:port, such as 127.0.0.1:9808{hint}")
        return cls(found["six"] or found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_made(cls, cls.parse)


_HOST_PORT = r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_.-]+|\*)):(?P<port>[0-9]{1,5})"


def _usable_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("not a path: it is empty or holds a NUL character")
    if text.startswith("~"):
        raise ValueError(f"{quoted(text)}: `~` is not expanded; write the whole path")
    return Path(text)


class _FilePath:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_made(Path, _usable_path)


def _text_made(kind: type, parse: Callable[[str], Any]) -> CoreSchema:
    """The schema of what is written as a text; code may also hand over the value itself."""
    text = core_schema.no_info_after_validator_function(parse, core_schema.str_schema(strict=True))
    return core_schema.json_or_python_schema(
        json_schema=text,
        python_schema=core_schema.no_info_before_validator_function(
            lambda value: str(value) if isinstance(value, kind) else value, text
        ),
        serialization=core_schema.to_string_ser_schema(),
    )


FilePath = Annotated[Path, _FilePath]
"""A path; a relative one counts from the directory of the configuration file."""

SECRET_REFERENCE = r"env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00]*[^\x00/]"  # noqa: S105
SecretReference = Annotated[
    str,
    Matching(
        SECRET_REFERENCE,
        "a reference to a secret: write env:NAME or file:/path, never the secret itself",
        shown=False,
    ),
]
"""Where a secret is: `env:NAME` or `file:/path`."""

AccountIdText = Annotated[str, Matching(r"[0-9]{12}", "an AWS account id of twelve digits")]

REGION = r"[a-z]{2,}(-[a-z]+)+-[0-9]+"
RegionPattern = Annotated[
    str,
    Matching(
        rf"{REGION}|[a-z0-9-]*\*[a-z0-9*-]*",
        "a region such as eu-west-1, or a glob such as eu-*",
    ),
]

ROLE_ARN = r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([\w+=,.@-]+/)*[\w+=,.@-]{1,64}"
RoleArn = Annotated[
    str, Matching(ROLE_ARN, "a role ARN such as arn:aws:iam::111122223333:role/cachemuster")
]

Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]

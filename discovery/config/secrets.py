"""Secrets by reference: the configuration says where one is, never what it is."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 1 << 16

_EXTERNAL_ID = r"[\w+=,.@:/-]{2,1224}"
"""What STS accepts (aws/README: STS)."""


class SecretError(Exception):
    """A secret is not where its reference says, or cannot be what it has to be.

    The message names the place, never the value.
    """


class Secret:
    """A text that does not print.

    Everywhere it shows as `sha256:` and eight hex digits, enough to tell two apart.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one call that needs it."""
        return self._value

    @property
    def masked(self) -> str:
        """`sha256:` and the first eight hex digits of its hash."""
        digest = hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).hexdigest()
        return f"sha256:{digest[:8]}"

    def __str__(self) -> str:
        return self.masked

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"),
            other._value.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def resolve(reference: str, environ: Mapping[str, str]) -> Secret:
    """Read the secret that `env:NAME` or `file:/path` refers to.

    One line ending at the end of a file is not part of it; who may read the file is not checked.

    Raises: SecretError when nothing is there, or it cannot be read.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        value, where = environ.get(place), f"the environment variable {place}"
        if value is None:
            raise SecretError(f"{where} is not set")
    elif kind == "file":
        value, where = _file(place), f"the file {place}"
    else:
        raise SecretError("a reference to a secret begins with env: or file:")
    if not value:
        raise SecretError(f"{where} is empty")
    return Secret(value)


def resolve_external_id(reference: str, environ: Mapping[str, str]) -> Secret:
    """Read the external id that `reference` refers to, and check that STS accepts its form.

    Raises: SecretError, also for a value that STS is bound to refuse.
    """
    secret = resolve(reference, environ)
    if re.fullmatch(_EXTERNAL_ID, secret.reveal(), re.ASCII) is None:
        rule = "2 to 1224 letters, digits and _ + = , . @ : / -"
        raise SecretError(f"what {reference} refers to is no external id: those have {rule}")
    return secret


def _file(place: str) -> str:
    try:
        with Path(place).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise SecretError(f"the file {place} cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise SecretError(f"the file {place} is too large to be a secret")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"the file {place} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")

"""The `page` key of the `service` section: who may read the last report in a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Discriminator, Tag

from discovery.config.fields import SecretReference, Section
from discovery.config.secrets import Secret, SecretError, resolve

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,4096}=*")
"""Of RFC 6750, and long enough that nobody guesses it."""


class PageMode(StrEnum):
    """Who may read the page, without a token."""

    NONE = "none"
    LOOPBACK = "loopback"


class TokenPage(Section):
    """A page for whoever has a token."""

    bearer: SecretReference
    """Where the token is: `env:NAME` or `file:/path`. At least 16 characters; it is read anew for
    each request."""


def _page_kind(value: Any) -> str:
    return "(TokenPage)" if isinstance(value, (Mapping, TokenPage)) else "(mode)"


Page = Annotated[
    Annotated[PageMode, Tag("(mode)")] | Annotated[TokenPage, Tag("(TokenPage)")],
    Discriminator(_page_kind),
]


def read_token(reference: str, environ: Mapping[str, str]) -> Secret:
    """Read the token of the page. Raises: SecretError, also for one that cannot be one."""
    secret = resolve(reference, environ)
    if _TOKEN.fullmatch(secret.reveal()) is None:
        rule = "16 or more letters, digits and - . _ ~ + /"
        raise SecretError(f"what {reference} refers to is no token for the page: that has {rule}")
    return secret

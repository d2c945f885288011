"""The `notify` list of the `service` section: who is told what, and the check of its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from discovery.config.fields import OneOrMany, SecretReference, Section
from discovery.config.proxies import is_loopback
from discovery.config.secrets import Secret, SecretError, resolve

_URL: Final = re.compile(r"https?://[!-~]+")
_HEADER: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


class NotifyKind(StrEnum):
    """What a message is about; a condition has a message when it begins and one when it ends."""

    REGISTERED = "registered"
    """Databases were registered."""
    REMOVED = "removed"
    """Databases were removed."""
    REFUSED = "refused"
    """The guard refuses all removals."""
    SCOPE_FAILING = "scope_failing"
    """Scopes cannot be read."""
    SCOPE_BACK = "scope_back"
    """Scopes can be read again."""
    NOT_READY = "not_ready"
    """Nobody can log in to a cache with IAM."""
    CONFLICT = "conflict"
    """A name, or a registration, is not ours."""


class NotifyFormat(StrEnum):
    """How a message is written."""

    CLOUDEVENTS = "cloudevents"
    SLACK = "slack"


class NotifySink(Section):
    """One place that is told."""

    webhook: SecretReference
    """Where the URL is: `env:NAME` or `file:/path`. It is a secret, so it is not written here. The
    URL is https, or http to this machine; it is read anew for each message."""
    format: NotifyFormat = NotifyFormat.CLOUDEVENTS
    """`cloudevents`: CloudEvents 1.0 as JSON. `slack`: an incoming webhook of Slack."""
    authorization: SecretReference | None = None
    """Where the value of the Authorization header is, such as `Bearer …`. Default: none is sent."""
    on: Annotated[tuple[NotifyKind, ...], OneOrMany()] = tuple(NotifyKind)
    """What is told here. Default: everything."""


def read_webhook(reference: str, environ: Mapping[str, str]) -> Secret:
    """Read the URL of a webhook and check it.

    Raises: SecretError, which says nothing of what was read but what is wrong with it.
    """
    secret = resolve(reference, environ)
    problem = _url_problem(secret.reveal())
    if problem is not None:
        raise SecretError(f"what {reference} refers to is no URL of a webhook: {problem}")
    return secret


def read_authorization(reference: str, environ: Mapping[str, str]) -> Secret:
    """Read the value of an Authorization header. Raises: SecretError, also for no such value."""
    secret = resolve(reference, environ)
    if _HEADER.fullmatch(secret.reveal()) is None:
        rule = "one line of printable ASCII, such as `Bearer` and a token"
        raise SecretError(f"what {reference} refers to is no value of a header: that is {rule}")
    return secret


def _url_problem(text: str) -> str | None:
    if _URL.fullmatch(text) is None:
        return "it begins with https:// and has no blanks in it"
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return "its host or port is none"
    if not host:
        return "it has no host"
    if "@" in url.netloc:
        return "it has a user or password in it; put them into `authorization`"
    if url.scheme != "https" and not is_loopback(host):
        return "it is http, which only this machine itself may be told by; use https"
    return None

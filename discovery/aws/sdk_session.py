"""Sessions of the AWS SDK: the user's own configuration, and what this program changes in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, NoReturn
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.hooks import AioHierarchicalEmitter
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.parsers import AioResponseParserFactory
from aiobotocore.session import AioSession
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.utils import parse_timestamp

from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.service_models import ServiceLoader
from discovery.aws.tls import SharedTlsSession
from discovery.model.codes import ScopeReason
from discovery.model.foreign_text import without_passwords

SERVICES = ("sts", "elasticache", "resource-groups-tagging-api", "ec2", "organizations", "sqs")
"""Every AWS service that is asked, as `AWS_ENDPOINT_URL_…` spells it."""

SDK_NAMES = {"resource-groups-tagging-api": "resourcegroupstaggingapi"}
_MODELS = (*(SDK_NAMES.get(name, name) for name in SERVICES), "s3")
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
ATTEMPTS = 3


class _CredentialRequests(AioConfig):  # type: ignore[misc]  # aiobotocore is untyped
    """Settings of the SDK's own requests for credentials: like all others, no redirects.

    The SDK merges this with what each of them needs, and forgets the HTTP session on the way.
    """

    def merge(self, other_config: Any) -> AioConfig:
        merged = super().merge(other_config)
        merged.http_session_cls = getattr(other_config, "http_session_cls", SharedTlsSession)
        if merged.http_session_cls is AIOHTTPSession:
            merged.http_session_cls = SharedTlsSession
        return merged


def sdk_session(profile: str | None, region: str | None = None) -> AioSession:
    """Make a session of the user's own configuration: profile, region, credentials, endpoints.

    Args:
        profile: Its name, None for the SDK's own choice.
        region: Where the SDK asks STS for credentials. Without one it is AWS_REGION, which the AWS
            CLI reads first and the SDK for Python not at all.
    """
    hooks = copy(_builtin_hooks())
    session = AioSession(profile=profile, event_hooks=hooks, include_builtin_handlers=False)
    if named := region or os.environ.get("AWS_REGION"):
        session.set_config_variable("region", named)
    session.set_default_client_config(
        _CredentialRequests(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            http_session_cls=SharedTlsSession,
        )
    )
    return session


@cache
def _builtin_hooks() -> AioHierarchicalEmitter:
    """Register the SDK's own hooks, once for all sessions: each would take 20 ms of CPU for it."""
    hooks = AioHierarchicalEmitter()
    AioSession(event_hooks=hooks)
    return hooks


def endpoint_overrides(profile: str | None) -> Mapping[str, str]:
    """Configured URLs that replace AWS's own, by service; empty when there are none.

    Signed requests go there, so they are reported. A password in a URL is masked.

    Raises: botocore's ProfileNotFound; AwsCallFailed for one that is no URL, which the SDK would
    repeat.
    """
    session = sdk_session(profile)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return {}
    found = {service: _endpoint_override(session, service) for service in SERVICES}
    for service, url in found.items():
        if url and not _is_endpoint(url):
            raise AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, _no_endpoint(service)))
    return {service: without_passwords(url) for service, url in found.items() if url}


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    # An at sign behind the host: the host is the beginning of a user and a password.
    is_whole = "@" not in url or "@" in parts.netloc
    return parts.scheme in {"http", "https"} and has_place and is_whole


def _no_endpoint(service: str) -> str:
    variable = service.replace("-", "_").upper()
    return (
        f"the endpoint override for {service} (AWS_ENDPOINT_URL_{variable}, AWS_ENDPOINT_URL, or "
        "endpoint_url of the profile) is no URL such as https://vpce.example.com; leave user and "
        "password out of it. Nothing was asked"
    )


def _endpoint_override(session: AioSession, service: str) -> str | None:
    provider = ConfiguredEndpointProvider(
        full_config=session.full_config,
        scoped_config=session.get_scoped_config(),
        client_name=SDK_NAMES.get(service, service),
    )
    url = provider.provide()
    return str(url) if url else None


class Unsigned(RuntimeError):
    """A request was about to leave without credentials of its own; it did not leave."""


class _RefusingCredentials(AioCredentials):  # type: ignore[misc]  # aiobotocore is untyped
    """Credentials that refuse to be used, and the provider that finds them."""

    def __init__(self) -> None:
        super().__init__("", "", method="nobody")

    async def load_credentials(self) -> _RefusingCredentials:
        return self

    async def get_frozen_credentials(self) -> NoReturn:
        raise Unsigned("a request carried no account's credentials; it was not sent")


def refusing_session(profile: str | None) -> AioSession:
    """Make a session whose own credentials refuse to sign, and whose parsers are ours."""
    session = sdk_session(profile)
    session.register_component("credential_provider", _RefusingCredentials())
    session.register_component("response_parser_factory", tolerant_parsers())
    paths = session.get_component("data_loader").search_paths
    session.register_component("data_loader", ServiceLoader(paths, _MODELS))
    return session


def tolerant_parsers() -> AioResponseParserFactory:
    """Make the parsers that every answer of AWS goes through."""
    parsers = _TolerantParsers()
    parsers.set_parser_defaults(timestamp_parser=_utc)
    return parsers


class _TolerantParsers(AioResponseParserFactory):  # type: ignore[misc]  # aiobotocore is untyped
    """Parsers that leave a number that is none as its text: it is one member of one item (R8).

    `_handle_integer` is private to botocore, whose version is pinned by aioboto3.
    """

    def create_parser(self, protocol_name: str) -> Any:
        parser = super().create_parser(protocol_name)
        if read := getattr(parser, "_handle_integer", None):  # JSON has numbers of its own
            parser._handle_integer = partial(_number_or_text, read)  # noqa: SLF001
        return parser


def _number_or_text(read: Callable[[Any, Any], int], shape: Any, node: Any) -> int | str:
    try:
        return read(shape, node)
    except ValueError:  # Python, too, reads no more than 4,300 digits
        return str(getattr(node, "text", node) or "")


def _utc(value: Any) -> datetime:
    """Parse a time; a third of the time of a big page is spent in the SDK's own parser."""
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = parse_timestamp(value)
    else:
        parsed = parse_timestamp(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)

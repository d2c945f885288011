"""Repeat calls without what the SDK works out anew each time: endpoint, hooks, answer shapes.

The first call of an operation is the SDK's alone, and the request that leaves is kept as a
template. Later calls take its URL and headers, the SDK's serializer for the body, the SDK's signer
and its HTTP session. An answer that is plainly good is read here. Anything else (a refusal, a
broken connection, an answer of another form) is handed to the SDK as the outcome of its own first
attempt: errors, pauses and further attempts stay the SDK's, and nothing is sent twice for it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.serialize import create_serializer

from discovery.aws.cache_answers import read_caches
from discovery.aws.signing import KeptKeySigner, PlainRequest

Answer = Mapping[str, Any]
ReadAnswer = Callable[[bytes], dict[str, Any] | None]

OPERATIONS: Mapping[str, ReadAnswer | None] = {
    "DescribeServerlessCaches": read_caches,
    "DescribeSubnets": None,
    "DescribeUserGroups": None,
    "DescribeUsers": None,
    "GetResources": None,
    "ListTagsForResource": None,
}
"""What each scope or cache is asked, all of it reading, and how a good answer is read; None: by the
SDK's parser."""

_SCHEME = "AWS4-HMAC-SHA256 Credential="
_MADE_ANEW = frozenset(
    {
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "content-length",
        "x-amz-date",
        "x-amz-security-token",
    }
)
_KEPT_BODIES = 64
_SUCCESSES_PER_RETRY = 5
"""A retry takes so much from the SDK's quota for them, and a success of its own gives back one."""

_first_outcome: ContextVar[list[Any]] = ContextVar("cachemuster_first_outcome")
"""Of the SDK's call under way: what its first attempt came to already, or None, to be sent; empty
once that is taken."""


@dataclass(frozen=True, slots=True)
class _Template:
    """What stays the same in every request of an operation to one service in one region."""

    method: str
    url: str
    headers: Mapping[str, str]
    region: str
    service: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Bodies by their parameters; those of a list's first page come again for each account."""

    def request(self, body: bytes) -> PlainRequest:
        """Make a request that is not signed yet."""
        made = PlainRequest(self.method, self.url, self.headers, body)
        made.headers["Content-Length"] = str(len(body))
        made.headers["amz-sdk-invocation-id"] = str(uuid.uuid4())
        made.headers["amz-sdk-request"] = "attempt=1"
        return made


class FastPath:
    """The calls of one SDK client. `request_sent` is told of every request that leaves."""

    def __init__(self, client: Any, parsers: Any, request_sent: Callable[[], None]) -> None:
        self._client = client
        self._model = client.meta.service_model
        self._session = client._endpoint.http_session  # noqa: SLF001 - no other way to it
        self._serializer = create_serializer(self._model.resolved_protocol)
        self._parser = parsers.create_parser(self._model.resolved_protocol)
        self._templates: dict[str, _Template | None] = {}
        self._request_sent = request_sent
        self._first_calls: dict[str, asyncio.Event] = {}
        self._calls_for_sdk = 0
        event = f"before-send.{self._model.service_id.hyphenize()}"
        client.meta.events.register(event, self._before_send)

    async def call(self, method: str, parameters: Mapping[str, Any], credentials: Any) -> Answer:
        """Make one call. Raises: what the SDK raises."""
        operation = self._client.meta.method_to_api_mapping[method]
        if operation in OPERATIONS and operation not in self._templates:
            if (leaving := self._first_calls.get(operation)) is None:
                return await self._make_first_call(operation, method, parameters)
            await leaving.wait()
        template = self._templates.get(operation)
        if template is None or self._calls_for_sdk:
            self._calls_for_sdk = max(0, self._calls_for_sdk - 1)
            return await self._call_sdk(method, parameters)
        request: Any = template.request(self._body(operation, parameters, template))
        signed_by = await credentials.get_frozen_credentials()
        KeptKeySigner(signed_by, template.service, template.region).add_auth(request)
        self._request_sent()
        try:
            outcome = await self._session.send(request)
        except Exception as error:
            outcome = error
        else:
            answer = await self._read(operation, outcome)
            if answer is not None:
                return answer
        return await self._call_sdk(method, parameters, outcome)

    async def _make_first_call(
        self, operation: str, method: str, parameters: Mapping[str, Any]
    ) -> Answer:
        """Let the SDK make it; the others wait until it has left, or cannot leave."""
        self._first_calls[operation] = leaving = asyncio.Event()
        try:
            return await self._call_sdk(method, parameters)
        finally:
            leaving.set()
            self._first_calls.pop(operation, None)

    async def _call_sdk(
        self, method: str, parameters: Mapping[str, Any], first_outcome: Any = None
    ) -> Answer:
        """Let the SDK make the call; `first_outcome` is what its first attempt came to already."""
        with _first_attempt(first_outcome):
            answer: Answer = await getattr(self._client, method)(**parameters)
            return answer

    def _before_send(self, request: Any, event_name: str, **_: object) -> Any:
        """Give the SDK the outcome at hand, or note the request that leaves instead."""
        outcome = None
        if first := _first_outcome.get(()):
            outcome = first.pop()
        else:  # a further attempt
            self._calls_for_sdk += _SUCCESSES_PER_RETRY
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            return outcome
        self._request_sent()
        operation = event_name.rpartition(".")[2]
        if operation in OPERATIONS and operation not in self._templates:
            self._templates[operation] = _template(request)
            if leaving := self._first_calls.get(operation):
                leaving.set()
        return None

    def _body(self, operation: str, parameters: Mapping[str, Any], template: _Template) -> bytes:
        """Give the body with these parameters. Raises: botocore's ParamValidationError."""
        key = repr(parameters)
        if key not in template.bodies:
            if len(template.bodies) >= _KEPT_BODIES:
                template.bodies.clear()
            model = self._model.operation_model(operation)
            data = self._serializer.serialize_to_request(parameters, model)["body"]
            body: Any = AWSRequest(template.method, template.url, data=data).prepare().body
            template.bodies[key] = body.encode() if isinstance(body, str) else body
        return template.bodies[key]

    async def _read(self, operation: str, response: Any) -> Answer | None:
        """Read a good answer; None: it is none, or has a form that only the SDK knows to judge."""
        if response.status_code != 200:
            return None
        body = await response.content
        read = OPERATIONS[operation]
        if read is not None:
            answer = read(body)
            if answer is not None:
                answer["ResponseMetadata"]["HTTPHeaders"] = response.headers
            return answer
        shape = self._model.operation_model(operation).output_shape
        said = {"headers": response.headers, "status_code": 200, "body": body, "context": {}}
        try:
            parsed: Answer = await self._parser.parse(said, shape)
        except Exception:  # the SDK's own way says what is wrong with it
            return None
        return parsed


@contextmanager
def _first_attempt(outcome: Any) -> Iterator[None]:
    token = _first_outcome.set([outcome])
    try:
        yield
    finally:
        _first_outcome.reset(token)


def _template(request: AWSPreparedRequest) -> _Template | None:
    """Keep what is the same in the next request; None when it is not signed as AWS's are."""
    headers = {name: _text(value) for name, value in request.headers.items()}
    signed = headers.get("Authorization", "")
    scope = signed.removeprefix(_SCHEME).partition(",")[0].split("/")
    if not signed.startswith(_SCHEME) or len(scope) != 5:
        return None
    kept = {name: text for name, text in headers.items() if name.lower() not in _MADE_ANEW}
    return _Template(request.method, request.url, kept, region=scope[2], service=scope[3])


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

"""The calls on one connection to Auth: read, struck by faults, answered, logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError
from grpclib.const import Status
from grpclib.protocol import AbstractHandler, Stream
from h2.exceptions import ProtocolError

from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.calls import Call, CallLog, Handshake
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.fault_effects import (
    Dropped,
    GoAway,
    apply_faults,
    distorted,
    is_cut_off,
    paging,
)
from discovery.sandbox.teleport.faults import CallSite, Fault
from discovery.sandbox.teleport.framing import CONTENT, read_message, send_answer, send_refusal
from discovery.sandbox.teleport.messages import Message, decoded, to_document
from discovery.sandbox.teleport.service import PROCEDURES, SERVICE, Ask, Procedure, Refused
from discovery.sandbox.teleport.tls import Client

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Auth:
    """What every connection to Auth shares."""

    cluster: Cluster
    faults: FaultBoard[Fault]
    calls: CallLog
    proxy_address: Callable[[], str]


class Line(Protocol):
    """The connection that the calls come through."""

    handshake: Handshake
    client: Client

    @property
    def address(self) -> str:
        """`host:port` of the client."""
        ...

    def reset(self) -> None:
        """The connection is gone at once."""
        ...

    def say_goodbye(self) -> None:
        """The connection ends in an orderly way."""
        ...


class _Unwelcome(Refused):
    """The connection is closed, too."""


class GrpcHandler(AbstractHandler):
    """Takes the calls of one connection."""

    def __init__(self, auth: Auth, line: Line) -> None:
        self.tasks: dict[Stream, asyncio.Task[None]] = {}
        self._auth = auth
        self._line = line

    def accept(
        self, stream: Stream, headers: list[tuple[str, str]], release_stream: Callable[[], None]
    ) -> None:
        """The call is under way."""
        task = asyncio.get_running_loop().create_task(self._serve(stream, dict(headers)))
        self.tasks[stream] = task

        def done(_: asyncio.Task[None]) -> None:
            self.tasks.pop(stream, None)
            release_stream()

        task.add_done_callback(done)

    def cancel(self, stream: Stream) -> None:
        """The client wants no answer any more."""
        task = self.tasks.get(stream)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """No call is answered any more."""
        for task in tuple(self.tasks.values()):
            task.cancel()

    async def _serve(self, stream: Stream, headers: Mapping[str, str]) -> None:
        service, _, method = headers.get(":path", "").removeprefix("/").partition("/")
        line = self._line
        call = Call(
            at=self._auth.cluster.clock(),
            connection=line.handshake.number,
            port=line.handshake.port,
            user=line.client.user,
            method=method if service == SERVICE else f"{service}/{method}",
            headers={name: value for name, value in headers.items() if name[0] != ":"},
        )
        self._auth.calls.add(call)
        outcome = "(cancelled)"
        try:
            outcome = await self._answer(stream, call)
        except Dropped:
            outcome = "(dropped)"
            line.reset()
        except GoAway:
            outcome = "(goodbye)"
            line.say_goodbye()
        except (ProtocolError, ConnectionError):  # h2's word for what is sent after the end
            outcome = "(gone)"
        except Exception:
            outcome = "(broken)"
            _LOG.exception("the sandbox failed on %s", call.method)
            line.reset()
        finally:
            self._auth.calls.end(call, outcome)

    async def _answer(self, stream: Stream, call: Call) -> str:
        """The call is answered; returns how. Raises: Dropped, Leaving."""
        version = self._auth.cluster.release.version
        try:
            procedure, request = await self._read(stream, call)
            struck = self._auth.faults.consume(CallSite(call.method, call.name))
            answer = await self._act(procedure, request, call.name, struck)
        except Refused as refused:
            await send_refusal(stream, refused, version)
            if isinstance(refused, _Unwelcome):
                self._line.say_goodbye()
            return refused.status.name
        cut_off = is_cut_off(struck)
        await send_answer(stream, distorted(answer, struck), version, cut_off=cut_off)
        return Status.OK.name

    async def _read(self, stream: Stream, call: Call) -> tuple[Procedure, Message]:
        if not call.headers.get("content-type", "").startswith(CONTENT):
            raise Refused(Status.UNKNOWN, "the content type is not application/grpc")
        client_version = call.headers.get("version")
        if client_version is not None and not self._auth.cluster.release.welcomes(client_version):
            raise _Unwelcome(Status.PERMISSION_DENIED, "client version is unsupported")
        procedure = PROCEDURES.get(call.method)
        if procedure is None:
            raise Refused(Status.UNIMPLEMENTED, f"unknown method {call.method}")
        body = await read_message(stream)
        call.size_bytes = len(body)
        try:
            request = decoded(procedure.request, body)
        except DecodeError as error:
            raise Refused(Status.INTERNAL, "grpc: error unmarshalling request") from error
        call.name = procedure.subject(request)
        call.request = to_document(request)
        return procedure, request

    async def _act(
        self, procedure: Procedure, request: Message, subject: str, struck: tuple[Fault, ...]
    ) -> bytes:
        cluster = self._auth.cluster
        if self._line.client.user in cluster.locked:
            raise Refused(Status.PERMISSION_DENIED, "access denied")
        await apply_faults(struck, cluster, subject, after=False)
        pages = paging(struck)
        ask = Ask(
            cluster=cluster,
            roles=self._line.client.roles,
            request=request,
            address=self._line.address,
            proxy=self._auth.proxy_address(),
            page_limit=pages.limit,
            repeat_token=pages.repeat_token,
        )
        try:
            answer: bytes = procedure.act(ask).SerializeToString()
        finally:  # the answer that is lost may be a refusal, too
            await apply_faults(struck, cluster, subject, after=True)
        return answer

"""Framing of gRPC: one request and one answer on an HTTP/2 stream."""

from __future__ import annotations

from grpclib.const import Status
from grpclib.metadata import encode_grpc_message
from grpclib.protocol import Stream

from discovery.sandbox.teleport.fault_effects import Dropped
from discovery.sandbox.teleport.service import RpcError

CONTENT = "application/grpc"

LARGEST_REQUEST_BYTES = 4 * 1024 * 1024
"""gRPC's own default, which Auth keeps (teleport/README: Limits)."""


async def read_message(stream: Stream) -> bytes:
    """Return the request's one message. Raises RpcError for none, or one too large."""
    prefix = await stream.recv_data(5)
    if len(prefix) != 5:
        raise RpcError(Status.INTERNAL, "the request has no message")
    compressed, size = prefix[0], int.from_bytes(prefix[1:], "big")
    if compressed:
        raise RpcError(Status.UNIMPLEMENTED, "no compression is supported")
    if size > LARGEST_REQUEST_BYTES:
        raise RpcError(
            Status.RESOURCE_EXHAUSTED,
            f"grpc: received message larger than max ({size} vs. {LARGEST_REQUEST_BYTES})",
        )
    return await stream.recv_data(size)


async def send_answer(stream: Stream, answer: bytes, version: str, *, cut_off: bool) -> None:
    """Send the answer. Raises Dropped after half of it when it is to be cut off."""
    frame = b"\0" + len(answer).to_bytes(4, "big") + answer
    await stream.send_headers(_headers(version))
    if cut_off:
        await stream.send_data(frame[: len(frame) // 2])
        raise Dropped
    await stream.send_data(frame)
    await _end(stream, [], Status.OK, "")


async def send_refusal(stream: Stream, error: RpcError, version: str) -> None:
    """End the call with an error status and nothing else."""
    await _end(stream, _headers(version), error.status, error.message)


def _headers(version: str) -> list[tuple[str, str]]:
    # Auth tells its version with every answer (teleport/README: Methods).
    return [(":status", "200"), ("content-type", CONTENT), ("version", version)]


async def _end(
    stream: Stream, headers: list[tuple[str, str]], status: Status, message: str
) -> None:
    headers.append(("grpc-status", str(status.value)))
    if message:
        headers.append(("grpc-message", encode_grpc_message(message)))
    await stream.send_headers(headers, end_stream=True)
    if stream.closable:
        stream.reset_nowait()

"""The part of the AWS CLI that scripts of ours use, in milliseconds where AWS's own takes a second.

A script on PATH hands its words and credentials to a server in the process of the test, which makes
the call through boto3. That words mean what they are taken to mean is what the tests with AWS's own
CLI show.
"""

from __future__ import annotations

import os
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.repair_commands import members, parsed

_CLIENT = """\
#!{python} -IS
import _socket, posix, sys  # what `socket` and `os` are made of: a start in half the time
server = _socket.socket(_socket.AF_UNIX)
server.connect({socket!r})
words = [word.encode("utf-8", "surrogateescape") for word in sys.argv[1:]]
variables = [name + b"=" + value for name, value in posix.environ.items()]
server.sendall(b"\\0".join([b"%d" % len(words), *words, *variables]))
server.shutdown(_socket.SHUT_WR)
parts = []
while part := server.recv(65536):
    parts.append(part)
code, out, err = b"".join(parts).split(b"\\0")
sys.stdout.buffer.write(out)
sys.stderr.buffer.write(err)
sys.exit(int(code))
"""
_VARIABLES = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}

Answer = tuple[str, str, int]
"""stdout, stderr, exit code."""


@contextmanager
def quick_aws_cli(directory: Path) -> Iterator[Path]:
    """A directory with an `aws` to put on PATH."""
    address = directory / "aws.sock"
    program = directory / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(_CLIENT.format(python=sys.executable, socket=str(address)), "utf-8")
    program.chmod(0o755)
    clients = Clients()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            count, *texts = self.rfile.read().decode().split("\0")
            words, variables = texts[: int(count)], texts[int(count) :]
            environment = dict(variable.split("=", 1) for variable in variables)
            out, err, code = clients.run(words, environment)
            self.wfile.write("\0".join([str(code), out, err]).encode())

    with socketserver.UnixStreamServer(str(address), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield program.parent
        finally:
            server.shutdown()
            thread.join()
            clients.close()


class Clients:
    """boto3's clients, one for each service, region and credentials."""

    def __init__(self) -> None:
        self._session: Any = boto3.session.Session()
        self._clients: dict[tuple[str, ...], Any] = {}

    def run(self, words: list[str], environment: Mapping[str, str]) -> Answer:
        """What the AWS CLI would print, and how it would end."""
        service, operation, *rest = words
        options = parsed([part for word in rest for part in _parts(word)])
        region, query = options.pop("region")[0], options.pop("query", [""])[0]
        options.pop("output", None)
        client = self._client(service, region, environment)
        method = operation.replace("-", "_")
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
        try:
            answer = getattr(client, method)(**members(model.input_shape, options))
        except (ClientError, BotoCoreError) as error:
            return "", f"\n{error}\n", 254
        return _as_text(jmespath.search(query, answer) if query else None), "", 0

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, service: str, region: str, environment: Mapping[str, str]) -> Any:
        keys = {name: environment.get(variable) for name, variable in _VARIABLES.items()}
        place = (service, region, *map(str, keys.values()))
        if place not in self._clients:
            self._clients[place] = self._session.client(
                service,
                region_name=region,
                endpoint_url=environment["AWS_ENDPOINT_URL"],
                config=Config(retries={"total_max_attempts": 1}),
                **keys,
            )
        return self._clients[place]


def _parts(word: str) -> list[str]:
    option, equals, value = word.partition("=")
    return [option, value] if equals and option.startswith("--") else [word]


def _as_text(found: Any) -> str:
    """`--output text`, of texts and lists of texts."""
    texts = found if isinstance(found, list) else [found]
    return "\t".join(map(str, texts)) + os.linesep

"""The part of the AWS CLI that scripts of ours use, in milliseconds where AWS's own takes a second.

A script on PATH hands its words and credentials to a server in the process of the test, which makes
the call through boto3. That words mean what they are taken to mean is what the tests with AWS's own
CLI show.
"""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.aws_cli_client import receive, write_client
from tests.support.repair_commands import members, parsed

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
    write_client(directory / "bin", address)
    clients = Clients()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = receive(self.request)
            out, err, code = clients.run(request.words, request.environment)
            for stream, text in zip(request.streams, ("", out, err), strict=True):
                with os.fdopen(stream, "w", encoding="utf-8") as file:
                    file.write(text)
            self.request.sendall(str(code).encode())

    with socketserver.UnixStreamServer(str(address), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield directory / "bin"
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

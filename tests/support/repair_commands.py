"""Somebody who runs repairs line by line, as a shell and the AWS CLI would."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import boto3
import jmespath
import pytest
from botocore import xform_name
from botocore.config import Config

from tests.contract.aws.conftest import Site

STEP, PATIENCE = timedelta(seconds=10), 20
"""How long a person waits before asking again, and how often."""


class Person:
    """Somebody who runs repairs line by line, with keys to the account that a line above names."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._session = boto3.session.Session()
        self._account = ""
        self._until: str | None = None

    def run(self, lines: tuple[str, ...]) -> None:
        """Every command succeeded; a status was asked for until it was the one to wait for."""
        for line in lines:
            match line.split():
                case ["#", "account", account]:
                    self._account = account
                case ["#", "repeat", "until", "it", "prints", status]:
                    self._until = status
                case ["#", *_]:
                    pass
                case _:
                    self._command(line)

    def _command(self, line: str) -> None:
        program, service, operation, *words = shlex.split(line)
        assert (program, service) == ("aws", "elasticache")
        options = parsed(words)
        region, query = options.pop("region")[0], options.pop("query", None)
        options.pop("output", None)
        for _ in range(PATIENCE):
            answer = self._call(region, operation, options)
            printed = jmespath.search(query[0], answer) if query else None
            if self._until is None or printed == self._until:
                break
            self._site.aws.world.clock.advance(STEP)
        else:
            pytest.fail(f"it never became {self._until}: {line}")
        self._until = None

    def _call(self, region: str, operation: str, options: Mapping[str, list[str]]) -> Any:
        key = self._site.aws.world.account(self._account).add_key()
        client = self._session.client(
            "elasticache",
            region_name=region,
            endpoint_url=self._site.url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        call = operation.replace("-", "_")
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[call])
        try:
            return getattr(client, call)(**members(shape.input_shape, options))
        finally:
            client.close()


def parsed(words: list[str]) -> dict[str, list[str]]:
    """Options with their values, as the AWS CLI reads them."""
    options: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word.removeprefix("--"), [])
        else:
            values.append(word)
    return options


def members(shape: Any, options: Mapping[str, list[str]]) -> dict[str, Any]:
    """The members of a request that options of the AWS CLI stand for."""
    if "cli-input-json" in options:
        return dict(json.loads(options["cli-input-json"][0]))
    by_option = {xform_name(name, "-"): name for name in shape.members}
    read = {}
    for option, values in options.items():
        name = by_option[option]
        kind = shape.members[name].type_name
        read_as: dict[str, Callable[[list[str]], Any]] = {
            "list": lambda v: v,
            "boolean": lambda v: not v,
            "structure": lambda v: dict(pair.split("=") for pair in v[0].split(",")),
        }
        reader = read_as.get(kind)
        read[name] = values[0] if reader is None else reader(values)
    return read

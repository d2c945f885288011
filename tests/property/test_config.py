"""Whatever is in the file: a configuration, or an error that points into the file."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from discovery.config.durations import format_duration, parse_duration
from discovery.config.json_schema import config_schema
from discovery.config.load import parse_config
from discovery.config.model import Config
from discovery.config.partitions import partition_problems
from discovery.config.problems import ConfigError, quoted
from discovery.config.rules import matching_digest, to_matchers
from discovery.config.secrets import Secret
from tests.unit.config.test_model import EXAMPLE

WORDS = sorted(
    {key for part in config_schema()["$defs"].values() for key in part.get("properties", {})}
    | set(config_schema()["properties"])
)
VALUES = [
    *("env:X", "file:/x", "*", "eu-*", "eu-west-1", "cn-north-1", "30s", "1w", "off", "10:30"),
    *("111122223333", "arn:aws:iam::111122223333:role/x", "^a$", "^($", "a:1", "embedded"),
    *("teleport", "sync", "warn", "region", "teleport.dev/origin", "{partition}", "\x00", "\ud800"),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(VALUES)
    | st.text(max_size=8)
)
keys = st.sampled_from(WORDS) | st.sampled_from(VALUES) | st.text(max_size=4)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Config | None:
    """The configuration; None after an error whose every problem points into the text."""
    try:
        return parse_config(text, file="c.yaml", base=Path("/base"))
    except ConfigError as error:
        refused = error
    assert refused.problems
    for problem in refused.problems:
        assert 1 <= problem.line <= len(text.splitlines()) + 1
        assert problem.column >= 1
        assert str(problem).startswith(f"c.yaml:{problem.line}:{problem.column}: ")
    assert all(line.isprintable() for line in str(refused).split("\n"))
    return None


def use(config: Config | None) -> None:
    """What is accepted can be used: everything that is made from it is made."""
    if config is not None:
        assert to_matchers(config)
        assert len(matching_digest(config)) == 64
        partition_problems(config, "aws")
        config.model_dump_json()


@given(st.text())
def test_any_text(text: str) -> None:
    use(read(text))


@given(st.text(alphabet=":-[]{},&*!|>'\"%@`#?\n\t ab1\\uUx<=~.", max_size=40))
def test_any_text_of_yaml_signs(text: str) -> None:
    use(read(text))


@pytest.mark.slow
@given(st.dictionaries(keys, trees, max_size=4))
def test_any_mapping_as_json(data: dict[str, Any]) -> None:
    use(read(json.dumps({"version": 1, "group": "g", **data})))


@pytest.mark.slow
@given(st.dictionaries(keys, trees, max_size=4))
def test_any_mapping_as_yaml(data: dict[str, Any]) -> None:
    use(read(yaml.safe_dump({"version": 1, "group": "g", **data}, allow_unicode=True)))


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(tree, dict):
        below = [places(value, (*path, key)) for key, value in tree.items()]
    elif isinstance(tree, list):
        below = [places(value, (*path, i)) for i, value in enumerate(tree)]
    else:
        below = []
    return [path, *(place for part in below for place in part)]


@pytest.mark.slow
@given(data=st.data())
def test_the_example_with_anything_anywhere(data: st.DataObject) -> None:
    tree = yaml.safe_load(EXAMPLE)
    path = data.draw(st.sampled_from(places(tree)[1:]))
    parent = tree
    for part in path[:-1]:
        parent = parent[part]
    if isinstance(parent, dict) and data.draw(st.booleans()):
        parent[data.draw(keys)] = data.draw(trees)
    else:
        parent[path[-1]] = data.draw(trees)
    use(read(json.dumps(tree)))


@pytest.mark.slow
@given(
    at=st.integers(0, len(EXAMPLE)),
    cut=st.integers(0, 5),
    inserted=st.text(alphabet=":-[]{},&*!|'\"#?\n\t x0\\", max_size=3),
)
def test_the_example_with_a_slip_of_the_pen(at: int, cut: int, inserted: str) -> None:
    use(read(EXAMPLE[:at] + inserted + EXAMPLE[at + cut :]))


@given(st.integers(0, 3650 * 86_400))
def test_durations_come_back(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(format_duration(span)) == span


@given(st.text(alphabet="0123456789smhdw -+._", max_size=12) | st.text())
def test_a_duration_or_a_value_error(text: str) -> None:
    try:
        span = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(span)) == span


@given(st.text())
def test_what_is_quoted_obeys_nobody(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 800


@given(st.text(min_size=9))
def test_a_secret_does_not_show(text: str) -> None:
    secret = Secret(text)
    assert str(secret) == repr(secret) == f"{secret}" == secret.masked
    assert text not in repr([secret])

"""Exported YAML is read back as the resources it stands for."""

import io
from dataclasses import replace

import pytest
import yaml

from discovery.model.values import Database, ResourceName
from discovery.reports.tctl import external_ids, write_resources
from tests.support.report_samples import SECRET, database


def exported(*databases: Database) -> str:
    stream = io.StringIO()
    write_resources(databases, stream)
    return stream.getvalue()


def test_each_resource_is_one_document_in_the_order_of_names() -> None:
    first, second = database("baskets"), database("orders")
    found = list(yaml.safe_load_all(exported(second, first)))
    assert found == [first.document(), second.document()]
    assert list(found[0]) == ["kind", "version", "metadata", "spec"]


def test_nothing_registered_is_an_empty_file() -> None:
    assert exported() == ""


def test_the_connect_external_id_stands_in_clear() -> None:
    assert SECRET in exported(database("orders"))
    assert external_ids([database("orders"), Database(ResourceName("x"), {}, "", {})]) == 1


@pytest.mark.parametrize(
    "value",
    ["y", "N", "on", "0o17", "0x1f", "1_000", "1e3", "1.10", "10:30", "~", "null", ".inf", "",
     "=", "<<", "012345670123", "2026-11-23", "a: b", "- a", "#", "é\u202e", "x[/bold]y", "'", '"'],
)  # fmt: skip
def test_a_value_that_looks_like_something_else_is_quoted(value: str) -> None:
    resource = replace(database("orders"), labels={"key": value})
    text = exported(resource)
    (found,) = yaml.safe_load_all(text)
    assert found["metadata"]["labels"] == {"key": value}
    assert 'key: "' in text or "key: '" in text

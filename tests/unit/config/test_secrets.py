"""Secrets by reference, and a type that does not print them."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from discovery.config.secrets import Secret, SecretError, resolve, resolve_external_id

PLAIN = "correct-horse"
MASK = "sha256:2bdd2bfd"


def test_nothing_prints_a_secret() -> None:
    secret = Secret(PLAIN)
    mask = secret.masked
    assert mask.startswith("sha256:")
    assert len(mask) == len("sha256:") + 8
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}"]
    shown += [repr([secret]), json.dumps({"a": secret}, default=str), repr({"a": secret})]
    for text in shown:
        assert mask in text
        assert PLAIN not in text
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_revealed_on_purpose() -> None:
    assert Secret(PLAIN).reveal() == PLAIN
    assert copy.deepcopy(Secret(PLAIN)).reveal() == PLAIN


def test_secrets_are_equal_when_their_values_are() -> None:
    assert Secret(PLAIN) == Secret(PLAIN)
    assert hash(Secret(PLAIN)) == hash(Secret(PLAIN))
    assert Secret(PLAIN) != Secret("other")
    assert Secret(PLAIN) != PLAIN


def test_a_variable() -> None:
    assert resolve("env:EID", {"EID": PLAIN}).reveal() == PLAIN


@pytest.mark.parametrize(("reference", "environ", "message"), [
    ("env:EID", {}, "the environment variable EID is not set"),
    ("env:EID", {"EID": ""}, "the environment variable EID is empty"),
    ("vault:EID", {"EID": "x"}, "begins with env: or file:"),
    ("file:/nowhere/at/all", {}, "the file /nowhere/at/all cannot be read: No such file"),
    ("file:/", {}, "the file / cannot be read: Is a directory"),
    ("file:/a\0b", {}, "not a usable path"),
    ("file:/dev/zero", {}, "too large to be a secret"),
])  # fmt: skip
def test_what_is_not_there(reference: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(SecretError, match=message):
        resolve(reference, environ)


FILES = [
    (b"abc", "abc"),
    (b"abc\n", "abc"),
    (b"abc\r\n", "abc"),
    (b"abc\n\n", "abc\n"),
    (b" abc ", " abc "),
    ("é".encode(), "é"),
]


@pytest.mark.parametrize(("content", "expected"), FILES)
def test_a_file(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert resolve(f"file:{file}", {}).reveal() == expected


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_secret(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretError, match=r"is empty|is not UTF-8"):
        resolve(f"file:{file}", {})


@pytest.mark.parametrize("value", ["ab", "a" * 1224, "A_z0+=,.@:/-"])
def test_external_ids(value: str) -> None:
    assert resolve_external_id("env:E", {"E": value}).reveal() == value


@pytest.mark.parametrize("value", ["a", "a" * 1225, "with space", "new\nline", "é\u00e9", "ab\n"])
def test_values_that_sts_refuses(value: str) -> None:
    with pytest.raises(SecretError, match="env:E refers to is no external id") as caught:
        resolve_external_id("env:E", {"E": value})
    assert value not in str(caught.value).split("refers to")[1][:8]
    assert repr(value) not in str(caught.value)

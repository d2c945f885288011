"""A library is imported as if another one were not installed, and nothing else changes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from discovery.model.optional_imports import as_if_not_installed

LOOK = """
import ssl, sys
import discovery.aws
print(sorted({"aiobotocore", "aiohttp", "httpx"} & set(sys.modules)))
import httpx
assert ssl.create_default_context().cert_store_stats() == whole.cert_store_stats()
from aiohttp import connector
assert connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"] == 0
assert connector._SSL_CONTEXT_VERIFIED.verify_mode is ssl.CERT_REQUIRED
"""


def test_it_can_be_imported_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with as_if_not_installed("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys")


def test_what_has_been_imported_stays() -> None:
    with as_if_not_installed("json"):
        assert sys.modules["json"] is not None


def test_the_sdk_comes_without_httpx_and_contexts_of_others_keep_their_certificates() -> None:
    look = f"import ssl; whole = ssl.create_default_context()\n{LOOK}"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert (said.stdout, said.stderr) == ("['aiobotocore', 'aiohttp']\n", "")

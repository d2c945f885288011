"""Import the AWS SDK without what it loads in vain: a quarter of the time that takes.

aiobotocore imports httpx wherever that is installed, for a kind of HTTP session that nobody makes
here. aiohttp reads the system's CA certificates twice, for connections that are given no TLS
context; all of ours are given one (`tls`). Such a connection would trust nobody.

It comes before every other import of this package.
"""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from discovery.model.optional_imports import as_if_not_installed


@contextmanager
def _without_ca_certificates() -> Iterator[None]:
    ssl.SSLContext.set_default_verify_paths = lambda _context: None  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # what it inherits is in force again


with _without_ca_certificates(), as_if_not_installed("httpx"):
    importlib.import_module("aiohttp")
    importlib.import_module("aiobotocore.session")

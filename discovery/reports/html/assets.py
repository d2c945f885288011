"""The page's own style sheet and script, and the policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

_HERE: Final = "discovery.reports.html"


@cache
def style_sheet() -> str:
    return _source("page.css")


@cache
def script() -> str:
    return _source("page.js")


@cache
def security_policy() -> str:
    """Nothing is loaded, sent or run but this very style sheet and this very script."""
    return (
        f"default-src 'none'; style-src {_hashed(style_sheet())}; "
        f"script-src {_hashed(script())}; base-uri 'none'; form-action 'none'"
    )


def _source(name: str) -> str:
    return files(_HERE).joinpath(name).read_text("ascii")


def _hashed(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

"""The page's templates, and the one place where text becomes markup.

Whatever a template puts out passes `escape_markup`: text from AWS or Teleport shows and means
nothing. A page is ASCII without control characters, so that no encoding makes it say anything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, escape_unprintable, shortened

_PACKAGE: Final = "discovery.reports.html"
_FOLDER: Final = "templates"
_TEXT: Final = re.compile(r"[ !#$%(-;=?-~]*")
"""Printable ASCII without the five characters that markup is made of: most of all text."""
_MARKUP: Final = re.compile(r"[ -~\n]*")
_BACKTICKS: Final = re.compile("`([^`]+)`")


def environment() -> Environment:
    """Make the environment of the page's templates; unknown names in them are errors."""
    return Environment(
        loader=PackageLoader(_PACKAGE, _FOLDER, encoding="ascii"),
        autoescape=True,
        finalize=escape_markup,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def escape_markup(value: object) -> Markup:
    """Escape a value for a page, in text and in quoted attributes; None is nothing.

    Markup, which only templates and `verbatim` make, keeps its elements and lines.
    """
    if isinstance(value, Markup):
        if _MARKUP.fullmatch(value):
            return value
        return Markup("\n".join(map(_to_ascii, value.split("\n"))))  # noqa: S704
    text = "" if value is None else str(value)
    if _TEXT.fullmatch(text):
        return Markup(text)  # noqa: S704 - nothing in it is markup
    return Markup(_to_ascii(html.escape(escape_unprintable(text))))  # noqa: S704


def code(words: str, limit: int = NAME_LIMIT) -> Markup:
    """Set a name, id or code as code, cut in its middle to `limit` characters."""
    return Markup(f"<code>{escape_markup(shortened(words, limit))}</code>")  # noqa: S704


def message(words: str) -> Markup:
    """Set a message, cut only when it is huge; what stands in backticks becomes code."""
    parts = _BACKTICKS.split(shortened(words, MESSAGE_LIMIT))
    parts[1::2] = [code(part, MESSAGE_LIMIT) for part in parts[1::2]]
    return Markup("").join(map(escape_markup, parts))


def style_sheet() -> Markup:
    """Read the page's style sheet."""
    return verbatim(_source("page.css"))


def script() -> Markup:
    """Read the page's script."""
    return verbatim(_source("page.js"))


def verbatim(source: str) -> Markup:
    """Mark a style sheet or script of this package as markup.

    Raises: ValueError when it could end its element early.
    """
    if not source.isascii() or "</" in source or "<!--" in source:
        raise ValueError("the source cannot be put into a page as it is")
    return Markup(source)  # noqa: S704


@cache
def security_policy() -> str:
    """Word a policy that loads, sends and runs nothing but this style sheet and this script."""
    return (
        f"default-src 'none'; style-src {_hashed(style_sheet())}; "
        f"script-src {_hashed(script())}; base-uri 'none'; form-action 'none'"
    )


def _to_ascii(text: str) -> str:
    """Spell out what does not show; other letters become character references."""
    return escape_unprintable(text).encode("ascii", "xmlcharrefreplace").decode("ascii")


@cache
def _source(name: str) -> str:
    return files(_PACKAGE).joinpath(_FOLDER, name).read_text("ascii")


def _hashed(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

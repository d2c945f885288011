"""The one place where text becomes markup.

`Html` is what may be written as it stands; every other module of this room makes it with the
functions here, which escape whatever text they are given. What comes out is ASCII, so that no
encoding can make it say anything else, and holds no control character.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from discovery.reports.safe_text import escape_unprintable, shortened


@dataclass(frozen=True, slots=True)
class Html:
    """Markup. Made in this module only; a test holds the others to it."""

    markup: str


Child = Html | str | int | None
"""Text is escaped, nothing is left out."""
Attribute = str | int | bool | None
"""True stands for the name alone; False and None leave the attribute out."""

NOTHING: Final = Html("")
_HARMLESS: Final = re.compile(r"[ !#$%(-;=?-~]*")
"""Printable ASCII without the five characters that markup is made of: most of what is said."""
_VOID: Final = frozenset({"meta", "input", "br"})
_ADDRESSES: Final = frozenset({"href", "src", "action", "formaction", "srcset"})


def text(words: str, *, limit: int | None = None) -> Html:
    """The words as text: on one line, harmless, cut in the middle to `limit` characters."""
    return Html(_escaped(words if limit is None else shortened(words, limit)))


def element(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """`<name>` with the children in it. A trailing `_` of an attribute is dropped, others are `-`.

    Raises: ValueError for an attribute that runs or loads something; fragments (`#…`) may be
    linked to.
    """
    start = opened(name, **attributes).markup
    if name in _VOID:
        return Html(start)
    return Html(f"{start}{''.join(map(_markup, children))}</{name}>")


def opened(name: str, /, **attributes: Attribute) -> Html:
    """The start of an element whose content is written piece by piece."""
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{given}>")


def closed(*names: str) -> Html:
    """The ends of elements, the innermost first."""
    return Html("".join(f"</{name}>" for name in names))


def joined(pieces: Iterable[Child], between: str = "") -> Html:
    """The pieces one after another, with text between them."""
    return Html(_escaped(between).join(_markup(piece) for piece in pieces))


def lines(rows: Iterable[str]) -> Html:
    """The rows as text on a line each, for what keeps line ends."""
    return Html("\n".join(_escaped(row) for row in rows))


def document_type() -> Html:
    return Html("<!doctype html>\n")


def verbatim(name: str, source: str) -> Html:
    """A style sheet or script of this package. Raises: ValueError when it could end early."""
    if not source.isascii() or "</" in source or "<!--" in source:
        raise ValueError(f"the {name} cannot stand in a page as it is")
    return Html(f"<{name}>{source}</{name}>")


def _markup(child: Child) -> str:
    if child is None:
        return ""
    return child.markup if isinstance(child, Html) else _escaped(str(child))


@lru_cache(maxsize=2_048, typed=True)  # 1 is not True here
def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if name == "style" or name.startswith("on"):
        raise ValueError(f"{name} runs past the page's own style sheet and script")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if name in _ADDRESSES and not str(value).startswith("#"):
        raise ValueError(f"{name} leads out of the page")
    return f' {name}="{_escaped(str(value))}"'


def _escaped(words: str) -> str:
    if _HARMLESS.fullmatch(words):
        return words
    shown = html.escape(escape_unprintable(words), quote=True)
    if shown.isascii():
        return shown
    return shown.encode("ascii", "xmlcharrefreplace").decode("ascii")

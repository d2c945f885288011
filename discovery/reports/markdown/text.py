"""Write text in Markdown so that it shows and means nothing.

Sites that show Markdown act on far more than its syntax: `@name` notifies a person, `#1` links an
issue and marks it, seven hex digits link a commit, `www.` links the web, and every site has more
of its own. All of them leave code alone. So words that are only words stay words, and everything
else is set as code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, escape_unprintable, shortened

_PLAIN: Final = re.compile(r"\(?[A-Za-z]+(?:'[a-z]+)?\)?|[0-9]{1,5}|%")
"""A word, a count. Ticket systems take `ABC-1` and more for theirs, so no hyphens."""
_COMMIT: Final = re.compile(r"[a-fA-F0-9]{7,}")
_WORD: Final = re.compile(r"(?P<core>.*?)(?P<stop>[.,;:!?]?)")
_WORDS: Final = re.compile(r"`[^`]+`[.,;:!?]?(?!\S)|\S+")
"""Words, and what messages set as code themselves: `tsh db connect` is one."""
_TICKS: Final = re.compile("`+")


def words(text: str, *, limit: int = MESSAGE_LIMIT) -> str:
    """Set a text as prose on one line, with all but plain words as code.

    It is to stand behind words of ours on their line: at its start, `1.` begins a list.
    """
    prose: list[str] = []
    span: list[str] = []
    for word in _WORDS.findall(shortened(text, limit)):
        core, stop = _parted(word)
        if _is_plain(core):
            prose += _flushed(span)
            prose.append(word)
            continue
        span.append(core[1:-1] if _is_code(core) else core)
        if stop:
            prose += (f"{one}{stop}" for one in _flushed(span))
    return " ".join((*prose, *_flushed(span)))


def code(text: str, *, limit: int = NAME_LIMIT) -> str:
    """Set a text as inline code that nothing in it can end, also in a table cell."""
    shown = shortened(text, limit).replace("|", "\\x7c") or " "
    fence = _fence(shown, 1)
    apart = " " if "`" in (shown[0], shown[-1]) or shown[0] == shown[-1] == " " else ""
    return f"{fence}{apart}{shown}{apart}{fence}" if shown.strip() else f"{fence}{shown}{fence}"


def fenced(lines: Iterable[str], *, indent: int = 0) -> str:
    """Set shell lines in a block that none of them can close, `indent` spaces from the left."""
    body = [escape_unprintable(line) for line in lines]
    fence = _fence("\n".join(body), 3)
    return "\n".join(" " * indent + line for line in (f"{fence}sh", *body, fence))


def collapse(summary: str) -> tuple[str, str]:
    """Return the HTML before and behind Markdown that a reader opens by its summary.

    `summary`: HTML on one line; `html_code` sets what others wrote.
    """
    return f"<details><summary>{summary}</summary>\n\n", "\n</details>\n\n"


def html_code(text: str, *, limit: int = NAME_LIMIT) -> str:
    """Set a text as code in HTML, where Markdown is not read."""
    return f"<code>{html.escape(shortened(text, limit))}</code>"


def _parted(word: str) -> tuple[str, str]:
    """A word and the punctuation that ends it; a mark alone is a word."""
    match = _WORD.fullmatch(word)
    return (match["core"], match["stop"]) if match and match["core"] else (word, "")


def _is_code(core: str) -> bool:
    return core.count("`") == 2 and core[0] == core[-1] == "`" and len(core) > 2


def _is_plain(core: str) -> bool:
    return _PLAIN.fullmatch(core) is not None and _COMMIT.search(core) is None


def _flushed(span: list[str]) -> list[str]:
    """What was collected, as one span of code; the collection is empty then."""
    spans = [code(" ".join(span), limit=MESSAGE_LIMIT)] if span else []
    span.clear()
    return spans


def _fence(text: str, least: int) -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)

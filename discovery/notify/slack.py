"""A message as the payload of a Slack incoming webhook. Pure.

Whatever AWS or Teleport said stands in a code span: nothing in it mentions, links or formats.

Source: docs.slack.dev, Formatting message text (`&`, `<` and `>` are escaped), Blocks: section
(3,000 characters of text), Incoming webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from discovery.notify.messages import Message, Subject
from discovery.reports.safe_text import escape_unprintable

CONTENT_TYPE: Final = "application/json; charset=utf-8"
SECTION_LIMIT: Final = 3000
"""Characters of one section, escapes counted."""
_NAME_LIMIT: Final = 120
_MESSAGE_LIMIT: Final = 400
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def slack_body(message: Message) -> bytes:
    """Write the payload of a message: its sentence, and the names below."""
    title = f"*cachemuster* {code(message.group)}: {escape(message.text, _MESSAGE_LIMIT)}"
    payload = {
        "text": title,  # what a notification shows
        "blocks": [
            _section(text)
            for text in (
                title,
                *_packed(_lines(message.first, message.count)),
                *_packed(_lines(message.ended, message.ended_count, heading="Ended:")),
            )
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return json.dumps(payload).encode()


def escape(text: str, limit: int) -> str:
    """Escape text and cut it to `limit` characters, escapes counted; no entity is cut in two."""
    shown: list[str] = []
    length = 0
    for character in escape_unprintable(text):
        piece = _ESCAPES.get(character, character)
        length += len(piece)
        if length > limit - 1:
            return "".join([*shown, "…"])
        shown.append(piece)
    return "".join(shown)


def code(text: str, limit: int = _NAME_LIMIT) -> str:
    """Set text of others as code; a backtick, which would end it, becomes an apostrophe."""
    return f"`{escape(text.replace('`', chr(0x27)), limit).strip() or '-'}`"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _lines(subjects: Iterable[Subject], count: int, heading: str = "") -> Iterator[str]:
    shown = list(subjects)
    if shown and heading:
        yield heading
    for each in shown:
        yield f"• {' '.join(_parts(each))}"
    if count > len(shown):
        yield f"and {count - len(shown)} more"


def _parts(subject: Subject) -> Iterator[str]:
    yield code(subject.name)
    if subject.arn is not None or subject.cache is not None:
        place = "/".join(part for part in (subject.account_id, subject.region) if part)
        if place:
            yield f"in {code(place)}"
    if subject.account_name:
        yield f"({code(subject.account_name)})"
    if subject.owner:
        yield f"of {code(subject.owner)}"
    if subject.message:
        yield f"- {code(subject.message, _MESSAGE_LIMIT)}"


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """Pack lines into as few texts as the limit of a section allows."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > SECTION_LIMIT:
            yield text
            text = line
        else:
            text = f"{text}\n{line}" if text else line
    if text:
        yield text

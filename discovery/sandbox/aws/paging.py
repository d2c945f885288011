"""Pages of a list, and the opaque tokens between them."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

START = ""
"""The place before the first item."""


class InvalidToken(Exception):
    """A page token that was not issued here, or for another operation, account or region."""


class ExpiredToken(Exception):
    """A page token that was issued here too long ago."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the token that asks for those after them."""

    items: tuple[T, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class PagingFault:
    """How a fault changes pages."""

    limit: int | None = None
    """No page has more items than this."""
    always_more: bool = False
    """The first page has a token even when nothing is left."""
    repeat_token: bool = False
    """Every page has the token that it was asked with."""


class PageTokens:
    """Issues and reads signed page tokens, which say after which item to go on."""

    def __init__(self, *, life: timedelta = timedelta(minutes=15)) -> None:
        self._key = secrets.token_bytes(32)
        self._life = life

    def issue(self, listing: str, after: str, now: datetime) -> str:
        """Return a token for what comes after the item `after` of `listing`."""
        content = json.dumps([listing, after, now.timestamp()]).encode()
        return base64.urlsafe_b64encode(self._seal(content) + content).decode()

    def read(self, listing: str, token: str, now: datetime) -> str:
        """Return the item after which `token` goes on. Raises InvalidToken or ExpiredToken."""
        try:
            sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError as error:
            raise InvalidToken from error
        seal, content = sealed[:32], sealed[32:]
        if not hmac.compare_digest(seal, self._seal(content)):
            raise InvalidToken
        issued_for, after, issued_at = json.loads(content)
        if issued_for != listing:
            raise InvalidToken
        if now.timestamp() - issued_at > self._life.total_seconds():
            raise ExpiredToken
        return str(after)

    def _seal(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()


def cut_page(
    items: Sequence[T],
    *,
    key: Callable[[T], str],
    size: int,
    after: str,
    token: str | None,
    fault: PagingFault,
    issue: Callable[[str], str],
) -> Page[T]:
    """Return the page of `items` (in order of `key`) that follows the item `after`.

    Args:
        items: The whole list.
        key: What items are ordered by.
        size: Most items of a page.
        after: Key of the last item of the page before.
        token: The page token that was sent, if any.
        fault: How a fault changes pages.
        issue: Makes a token for what follows an item.
    """
    rest = [item for item in items if key(item) > after]
    most = size if fault.limit is None else min(size, fault.limit)
    page = tuple(rest[:most])
    last = key(page[-1]) if page else after
    next_token = issue(last) if len(rest) > len(page) else None
    if fault.repeat_token:
        return Page(page, token or next_token or issue(START))
    if fault.always_more and token is None:
        return Page(page, next_token or issue(last))
    return Page(page, next_token)

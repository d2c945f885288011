"""What readers make of a rendered report: a browser's parser for pages, GitHub's for Markdown."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from discovery.reports.formats import RENDERERS
from discovery.reports.report import Report
from discovery.reports.view import Format, View

AUDIT = View(title="audit", findings=True)
_VOID = frozenset({"meta", "input", "br"})


def rendered(form: Format, report: Report, view: View = AUDIT) -> str:
    stream = io.StringIO()
    RENDERERS[form](report, stream, view)
    return stream.getvalue()


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag of a page."""

    name: str
    attributes: dict[str, str | None]


@dataclass(slots=True)
class Read:
    """A page or fragment as a parser sees it."""

    tags: list[Tag] = field(default_factory=list)
    text: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    """Every run of text with the names of the elements it stands in."""
    unbalanced: list[str] = field(default_factory=list)

    def named(self, name: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name == name]

    def said(self, *, within: str = "", outside: frozenset[str] = frozenset()) -> str:
        """The text that stands in an element of one name and in none of others."""
        return " ".join(
            text
            for path, text in self.text
            if (not within or within in path) and outside.isdisjoint(path)
        )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read = Read()
        self.path: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.read.tags.append(Tag(tag, dict(attrs)))
        if tag not in _VOID:
            self.path.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.path or self.path.pop() != tag:
            self.read.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.read.text.append((tuple(self.path), data))

    def handle_comment(self, data: str) -> None:
        self.read.tags.append(Tag("!--", {"": data}))


def read(markup: str) -> Read:
    """The markup's tags and text; every element left open is unbalanced."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    reader.read.unbalanced += reader.path
    return reader.read


def read_markdown(text: str) -> Read:
    """The Markdown's tags and text, with tables and struck text, and HTML let through."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return read(str(reader.render(text)))

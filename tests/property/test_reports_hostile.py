"""Whatever Unicode holds: a report prints it without acting on the terminal, JSON gives it back."""

import io
import json
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model.codes import (
    Action,
    FindingCode,
    IamVerdict,
    NoteCode,
    ProbeOutcome,
    ProbeStep,
    Reason,
    Severity,
)
from discovery.model.values import (
    Change,
    Finding,
    IamJudgement,
    ItemError,
    Note,
    Probe,
    ResourceName,
)
from discovery.reports.document import write_document
from discovery.reports.markdown.limit import COMMENT_LIMIT
from discovery.reports.report import Report
from discovery.reports.safe_text import escape_unprintable, shortened
from discovery.reports.tctl import write_resources
from discovery.reports.terminal.table import write_table
from discovery.reports.view import Detail, Format, GroupBy, View
from tests.support.rendered import Read, read, read_markdown, rendered
from tests.support.report_samples import NOW, REFUSED, database, item, report, scopes

ANYTHING = st.text(alphabet=st.characters(), max_size=300)
ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
EVERYTHING = View(title="audit", findings=True, detail=Detail.FULL)
VIEWS = (
    EVERYTHING,
    View(title="audit", findings=True, group_by=GroupBy.ACCOUNT),
    View(title="audit", findings=True, detail=Detail.SUMMARY, group_by=GroupBy.OWNER),
)

INJECTIONS = (
    "<script>alert(1)</script>",
    "</style></script></title><img src=x onerror=alert(1)>",
    "\" onmouseover=alert(1) x='",
    "javascript:alert(1)",
    "<a href=//x.example>",
    "<!-- -->",
    "&lt;script&gt;&#x3c;",
    "[text](https://x.example) ![picture](//x.example/p.png) <https://x.example>",
    "https://x.example www.x.example a@x.example",
    "@octocat #1 GH-1 org/repo#1 deadbeef1 deadbeef",
    "`` ` ``` ```` ~~~",
    "```\n# x\n```",
    "| a |\n|---|\n| b |",
    "\\| \\` \\\\|",
    "- [ ] x\n1. y\n> z\n***",
    "\x1b[2J\x1b]8;;https://x.example\x07x\x1b]8;;\x07",
    "a\u202eb\u2066c\u200bd",
    ":tada: $x$ [^1] %1 ~x !1 &1",
)
HOSTILE = st.one_of(
    ANYTHING,
    st.lists(st.sampled_from(INJECTIONS), min_size=1, max_size=4).map(" ".join),
    st.tuples(ANYTHING, st.sampled_from(INJECTIONS), ANYTHING).map("".join),
)
"""Arbitrary text, and text made to be taken for something else."""


def acts(text: str) -> list[str]:
    return [one for one in text if one != "\n" and unicodedata.category(one) in ACTING]


def saying(text: str) -> Report:
    """A report that says `text` wherever a stranger's words can stand."""
    resource = replace(
        database("orders"), name=ResourceName(text), labels={text: text}, description=text
    )
    wrong = Finding(FindingCode.NO_IAM_USER, Severity.BLOCKER, text, text, (text, f"aws {text}"))
    probe = Probe(ProbeOutcome.UNPROVED, text, ProbeStep.AUTH, NOW, text)
    one = item(
        Action.UPDATE,
        Reason.RENAMED,
        text,
        name=ResourceName(text),
        previous_name=ResourceName(text),
        message=text,
        notes=(Note(NoteCode.TAG_KEY_DROPPED, text, text),),
        matcher=text,
        owner=text,
        changes=(Change("/metadata/labels/x", text, {text: text}),),
        iam=IamJudgement(IamVerdict.NOT_READY, NOW, (text,), (wrong,), probe),
        database=resource,
    )
    assert one.iam is not None
    other = replace(one, iam=replace(one.iam, probe=None))  # several logins are grouped by words
    return report(
        one,
        replace(other, cache="b", action=Action.BLOCKED, reason=Reason.REJECTED),
        replace(other, cache="c", error=ItemError(text, text, retryable=False)),
        scopes=(replace(scopes()[1], message=text),),
        guard=replace(REFUSED, message=text),
        error=text,
        endpoints={"sts": text},
        account_names={each.scope.account_id: text for each in (one, scopes()[1])},
    )


@given(ANYTHING)
def test_visible_text_shows_and_stays_on_its_line(text: str) -> None:
    shown = escape_unprintable(text)
    assert not acts(shown)
    assert "\n" not in shown
    assert escape_unprintable(shown) == shown


@given(ANYTHING, st.integers(min_value=2, max_value=80))
def test_shortened_text_keeps_its_limit(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit


@pytest.mark.slow
@given(HOSTILE)
@settings(max_examples=60, deadline=None)
def test_a_table_never_acts(text: str) -> None:
    for view in VIEWS:
        stream = io.StringIO()
        write_table(saying(text), stream, view)
        assert not acts(stream.getvalue())


@pytest.mark.slow
@given(HOSTILE)
@settings(max_examples=60, deadline=None)
def test_the_document_is_ascii_and_gives_the_text_back(text: str) -> None:
    stream = io.StringIO()
    write_document(saying(text), stream)
    assert stream.getvalue().isascii()
    assert not acts(stream.getvalue())
    found = json.loads(stream.getvalue())
    assert found["items"][0]["message"] == text
    assert found["items"][0]["database"]["metadata"]["labels"] == {text: text}


@given(ANYTHING)
@settings(max_examples=60, deadline=None)
def test_exported_yaml_is_ascii(text: str) -> None:
    stream = io.StringIO()
    write_resources([replace(database("orders"), labels={"text": text})], stream)
    assert stream.getvalue().isascii()
    assert not acts(stream.getvalue())


def shape(page: Read) -> list[tuple[str, list[str]]]:
    """What a page is made of: its elements and their attributes, without a word of text. Backticks
    in a message make code of what they hold."""
    return [(tag.name, sorted(tag.attributes)) for tag in page.tags if tag.name != "code"]


PLAIN = shape(read(rendered(Format.HTML, saying("plain"), EVERYTHING)))


@pytest.mark.slow
@given(HOSTILE.filter(bool))
@settings(max_examples=100, deadline=None)
def test_a_page_is_made_of_the_same_whatever_is_said(text: str) -> None:
    markup = rendered(Format.HTML, saying(text), EVERYTHING)
    assert markup.isascii()
    assert not acts(markup)
    page = read(markup)
    assert shape(page) == PLAIN
    assert not page.unbalanced
    assert all(str(tag.attributes["href"]).startswith("#") for tag in page.named("a"))
    assert not acts(page.said())


MADE_OF = frozenset(
    [
        *("p", "strong", "code", "pre", "ul", "li", "h3", "details", "summary"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    ]
)
LINKED = re.compile(r"[@#]|://|www\.|:[a-z_]+:|\b[0-9a-fA-F]{7,}\b|[A-Za-z]-[0-9]|[\]\[<>|$~]")
"""What sites that show Markdown make something of when it does not stand in code."""


@pytest.mark.slow
@given(HOSTILE)
@settings(max_examples=150, deadline=None)
def test_a_comment_says_hostile_text_as_code(text: str) -> None:
    for view in VIEWS:
        markdown = rendered(Format.MARKDOWN, saying(text), view)
        assert not acts(markdown)
        assert len(markdown) <= COMMENT_LIMIT
        seen = read_markdown(markdown)
        assert {tag.name for tag in seen.tags} <= MADE_OF
        assert not seen.unbalanced
        assert not LINKED.search(seen.said(outside=frozenset({"code"})))
        assert len(seen.named("td")) == 3 * (len(seen.named("tr")) - len(seen.named("table")))
    assert shape_of_comment(text) == PLAIN_COMMENT


def shape_of_comment(text: str) -> dict[str, int]:
    """How many of each element a comment has that code in a message adds none to."""
    seen = read_markdown(rendered(Format.MARKDOWN, saying(text), EVERYTHING))
    return {name: len(seen.named(name)) for name in ("h3", "pre", "details", "summary", "td")}


PLAIN_COMMENT = shape_of_comment("plain")

"""Whatever Unicode holds: a report prints it without acting on the terminal, JSON gives it back."""

import io
import json
import unicodedata
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.codes import Action, NoteCode, Reason
from discovery.model import Change, Note, ResourceName
from discovery.reports.document import write_document
from discovery.reports.hostile import shortened, visible
from discovery.reports.report import Report
from discovery.reports.table import write_table
from discovery.reports.tctl import write_resources
from discovery.reports.view import View
from tests.unit.reports.sample import REFUSED, database, item, report, scopes

ANYTHING = st.text(alphabet=st.characters(), max_size=300)
ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
EVERYTHING = View(title="audit", findings=True, verbose=True)


def acts(text: str) -> list[str]:
    return [one for one in text if one != "\n" and unicodedata.category(one) in ACTING]


def saying(text: str) -> Report:
    """A report that says `text` wherever a stranger's words can stand."""
    resource = replace(
        database("orders"), name=ResourceName(text), labels={text: text}, description=text
    )
    one = item(
        Action.UPDATE,
        Reason.RENAMED,
        text,
        name=ResourceName(text),
        previous_name=ResourceName(text),
        message=text,
        notes=(Note(NoteCode.TAG_KEY_DROPPED, text, text),),
        changes=(Change("/metadata/labels/x", text, {text: text}),),
        database=resource,
    )
    return report(
        one,
        scopes=(replace(scopes()[1], message=text),),
        guard=replace(REFUSED, message=text),
        error=text,
        endpoints={"sts": text},
    )


@given(ANYTHING)
def test_visible_text_shows_and_stays_on_its_line(text: str) -> None:
    shown = visible(text)
    assert not acts(shown)
    assert "\n" not in shown
    assert visible(shown) == shown


@given(ANYTHING, st.integers(min_value=2, max_value=80))
def test_shortened_text_keeps_its_limit(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit


@given(ANYTHING)
@settings(max_examples=60, deadline=None)
def test_a_table_never_acts(text: str) -> None:
    stream = io.StringIO()
    write_table(saying(text), stream, EVERYTHING)
    assert not acts(stream.getvalue())


@given(ANYTHING)
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

"""Reports of any fleet and width: names stay whole, lists add up, a summary is one screen."""

from __future__ import annotations

import csv
import io
import re
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model.codes import (
    REASONS_OF,
    Action,
    FindingCode,
    IamVerdict,
    Reason,
    ScopeReason,
    Severity,
)
from discovery.model.values import (
    AccountId,
    Failed,
    Finding,
    IamJudgement,
    ItemError,
    Region,
    Scanned,
    Scope,
)
from discovery.plan.item import Item, in_order
from discovery.reports.report import Report
from discovery.reports.safe_text import escape_unprintable
from discovery.reports.view import Detail, Format, GroupBy, View
from tests.support.rendered import rendered
from tests.support.report_samples import EARLIER, NOW, REFUSED, item, report

ACCOUNTS = [AccountId(f"{number:012}") for number in range(1, 30)]
SCOPES = st.builds(
    Scope, st.sampled_from(ACCOUNTS), st.sampled_from([Region("eu-west-1"), Region("us-east-1")])
)
NAMES = st.text("abcxyz0129-", min_size=3, max_size=40).map(lambda text: f"zq{text}z")
MESSAGES = st.sampled_from(
    ["", "absent", "no orders", 'its tag is "a"', "it is " + "very " * 60 + "long", "x" * 90]
)
ACTIONS = st.sampled_from([(action, why) for action, all_ in REASONS_OF.items() for why in all_])


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    code, severity = draw(st.sampled_from(FindingCode)), draw(st.sampled_from(Severity))
    subject = draw(st.sampled_from(["app", "web", "people"]))
    return Finding(code, severity, subject, f"{subject} cannot log in", ("aws x --y z",))


@st.composite
def items(draw: st.DrawFn) -> Item:
    action, reason = draw(ACTIONS)
    iam = draw(
        st.none()
        | st.builds(
            IamJudgement,
            st.sampled_from(IamVerdict),
            st.just(NOW),
            st.just(()),
            st.lists(findings(), max_size=2).map(tuple),
        )
    )
    error = ItemError("UNAVAILABLE", "no answer", retryable=True)
    return item(
        action,
        reason,
        draw(NAMES),
        draw(SCOPES),
        message=draw(MESSAGES),
        owner=draw(st.none() | st.sampled_from(["shop", "web", "=x", "data-platform"])),
        iam=iam,
        error=draw(st.sampled_from([None, error])) if action.writes else None,
    )


@st.composite
def failures(draw: st.DrawFn) -> Scanned:
    reason = draw(st.sampled_from([one for one in ScopeReason if one.value != "NOT_IN_RUN"]))
    return Failed(scope=draw(SCOPES), started_at=EARLIER, reason=reason, message=draw(MESSAGES))


@st.composite
def reports(draw: st.DrawFn) -> Report:
    some = draw(st.lists(items(), max_size=8))
    times = draw(st.sampled_from([1, 1, 9]))
    return report(
        *in_order(one for one in some for _ in range(times)),
        scopes=tuple(draw(st.lists(failures(), max_size=8))),
        dry_run=draw(st.booleans()),
        account_names={account: f"name-of-{account}" for account in ACCOUNTS[::2]},
        **draw(
            st.sampled_from(
                [
                    {},
                    {"guard": REFUSED, "error": "it failed " * 50},
                    {"plan_changed": True, "paused_until": NOW, "stop_message": "paused " * 20},
                ]
            )
        ),
    )


GROUPED = st.sampled_from([None, *GroupBy])
WIDTHS = st.integers(min_value=40, max_value=300)


def shown(
    found: Report, detail: Detail, group_by: GroupBy | None, width: int, title: str = "audit"
) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        view = View(title=title, findings=title == "audit", detail=detail, group_by=group_by)
        return rendered(Format.TABLE, found, view).splitlines()


def whole_names(found: Report) -> set[str]:
    names = {word for one in found.items for word in (one.cache, one.name, str(one.scope)) if word}
    scopes = {str(scanned.scope) for scanned in found.scopes}
    return names | scopes | set(found.account_names.values()) | set(ACCOUNTS)


@pytest.mark.slow
@given(reports(), st.sampled_from(Detail), GROUPED, WIDTHS)
@settings(max_examples=40, deadline=None)
def test_no_name_is_ever_broken(
    found: Report, detail: Detail, group_by: GroupBy | None, width: int
) -> None:
    known = whole_names(found)
    starts = tuple({name[: len(name) // 2 + 1] for name in known})
    for line in shown(found, detail, group_by, width):
        for word in line.split():
            bare = word.strip(",()…;")
            if bare.startswith(starts):
                assert bare in known, (bare, width)


@pytest.mark.slow
@given(reports(), GROUPED, WIDTHS)
@settings(max_examples=40, deadline=None)
def test_a_summary_is_one_screen(found: Report, group_by: GroupBy | None, width: int) -> None:
    lines = shown(found, Detail.SUMMARY, group_by, width)
    assert len(lines) <= 24
    if width >= 60:
        assert sum(max(1, -(-len(line) // width)) for line in lines) <= 24


MORE = re.compile(r"^ *and (\d+) more \(--full lists them\)$")
SECTION = re.compile(
    r"^(Failed|Not done|Refused|(?:Would be )?(?:[Rr]emoved|[Uu]pdated|[Cc]reated)|Needs someone|"
    r"Waiting) \((\d+)\)"
)


@pytest.mark.slow
@given(reports())
@settings(max_examples=40, deadline=None)
def test_what_is_listed_and_what_is_counted_add_up(found: Report) -> None:
    """In a table so wide that an item is on one line."""
    lines = shown(found, Detail.NORMAL, None, 300, "sweep")
    names = {one.cache for one in found.items}
    for place, line in enumerate(lines):
        if match := SECTION.match(line):
            section = lines[place + 1 : lines.index("", place)]
            starts = [text.strip().split(" · ")[0].split()[-1:] for text in section]
            listed = sum(1 for start in starts if start and start[0] in names)
            more = sum(int(count[1]) for count in map(MORE.match, section) if count)
            assert listed + more == int(match[2])


@pytest.mark.slow
@given(reports(), GROUPED)
@settings(max_examples=40, deadline=None)
def test_csv_read_back_has_exactly_the_items(found: Report, group_by: GroupBy | None) -> None:
    view = View(title="audit", findings=True, group_by=group_by)
    text = rendered(Format.CSV, found, view)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = [
        (one.arn, one.reason.value, one.message, one.scope.account_id) for one in found.items
    ]
    got = [(row["arn"], row["reason"], row["message"], row["account_id"]) for row in rows]
    assert sorted(got) == sorted(expected)
    if group_by is None:
        assert got == expected


ANYTHING = st.text(alphabet=st.characters(), max_size=40)


@pytest.mark.slow
@given(ANYTHING | st.tuples(st.sampled_from("=+-@\t\r\n＝"), ANYTHING).map("".join))
@settings(max_examples=100, deadline=None)
def test_no_cell_begins_with_what_a_spreadsheet_runs(text: str) -> None:
    one = item(Action.KEEP, Reason.UNCHANGED, text)
    found = report(one, account_names={one.scope.account_id: text})
    ((*cells,),) = list(csv.reader(io.StringIO(rendered(Format.CSV, found), newline="")))[1:]
    assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for cell in cells)
    assert not any(category(character) == "Cc" for cell in cells for character in cell)
    assert escape_unprintable(text) in {cells[1], cells[1][1:]}

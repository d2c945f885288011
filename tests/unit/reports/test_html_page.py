"""The page: whole, self-contained, complete without a script, honest about what it leaves out."""

import io
import re
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import pytest

from discovery.model.codes import Action, IamVerdict, NoteCode, Reason, ScopeReason, Severity
from discovery.model.values import AccountId, Complete, Failed, Note, Region, Scanned, Scope
from discovery.plan.item import Item
from discovery.reports.attention import grouped
from discovery.reports.html.grid import SHORT
from discovery.reports.html.page import write_page
from discovery.reports.html.selection import anchor_of, is_simple, select
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.reports.view import Format, View
from tests.bench.fleet_report import fleet_report
from tests.support.rendered import AUDIT, Read, read, rendered
from tests.support.report_samples import (
    EARLIER,
    NOW,
    OTHER,
    REFUSED,
    SECRET,
    WEST,
    cache,
    carried_out,
    database,
    finding,
    full_report,
    item,
    judged,
    report,
)

READY = judged(verdict=IamVerdict.READY)
SOURCES = frozenset({"style", "script"})


def page(found: Report, view: View = AUDIT) -> Read:
    return read(rendered(Format.HTML, found, view))


def text(found: Report) -> str:
    return " ".join(page(found).said(outside=SOURCES).split())


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(full_report(guard=REFUSED, endpoints={"sts": "http://x"}), id="full"),
        pytest.param(carried_out(full_report(), failed="orders"), id="carried-out"),
        pytest.param(report(scopes=()), id="nothing-at-all"),
        pytest.param(fleet_report(400), id="fleet"),
    ],
)
def test_it_is_whole(found: Report) -> None:
    """Balanced, ASCII, every id once, every link leads to one."""
    markup = rendered(Format.HTML, found)
    seen = read(markup)
    assert markup.isascii()
    assert not seen.unbalanced
    ids = [tag.attributes["id"] for tag in seen.tags if "id" in tag.attributes]
    assert len(ids) == len(set(ids))
    wanted = {str(tag.attributes["href"])[1:] for tag in seen.named("a")}
    wanted |= {str(tag.attributes["for"]) for tag in seen.tags if "for" in tag.attributes}
    wanted |= {str(value) for tag in seen.tags if (value := tag.attributes.get("aria-labelledby"))}
    assert wanted <= set(ids)


def test_headings_never_skip_a_level() -> None:
    levels = [int(tag.name[1]) for tag in page(full_report()).tags if tag.name in _HEADINGS]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5"})


def test_everything_has_a_name_for_those_who_do_not_see() -> None:
    seen = page(full_report())
    assert all("scope" in tag.attributes for tag in seen.named("th"))
    assert all(tag.attributes.get("aria-label") for tag in seen.named("svg"))
    controls = [*seen.named("input"), *seen.named("select")]
    labelled = {tag.attributes["for"] for tag in seen.named("label")}
    assert {tag.attributes["id"] for tag in controls} == labelled


def test_it_needs_nothing_from_anywhere() -> None:
    seen = page(full_report())
    assert not {"link", "img", "iframe", "object", "base", "embed"} & {t.name for t in seen.tags}
    assert not [tag for tag in seen.tags if {"src", "style"} & tag.attributes.keys()]
    policy = [t for t in seen.named("meta") if t.attributes.get("http-equiv")]
    assert str(policy[0].attributes["content"]).startswith("default-src 'none';")


def test_without_a_script_all_is_there_but_the_form() -> None:
    seen = page(full_report())
    hidden = [tag.name for tag in seen.tags if "hidden" in tag.attributes]
    assert hidden == ["form"]


def test_the_sentence_and_the_checksum_stand_there() -> None:
    assert sentence(full_report()) in text(full_report())
    assert full_report().checksum in text(full_report())


def test_what_ended_a_sweep_early_is_said_at_the_top() -> None:
    said = text(report(error="listing failed", plan_changed=True, guard=REFUSED))
    assert "Not finished listing failed" in said
    assert "Not the plan that was named" in said
    assert f"The guard refused {REFUSED.message}" in said


def test_external_ids_are_fingerprints() -> None:
    assert SECRET not in rendered(Format.HTML, full_report())
    assert "sha256:fe2bc74c" in text(full_report())


@pytest.mark.parametrize(
    ("one", "simple"),
    [
        pytest.param(item(Action.KEEP, Reason.UNCHANGED, iam=READY), True, id="kept-and-ready"),
        pytest.param(item(Action.KEEP, Reason.UNCHANGED, iam=None), True, id="kept-and-not-judged"),
        pytest.param(item(Action.KEEP, Reason.UNCHANGED, iam=judged()), False, id="not-ready"),
        pytest.param(item(Action.CREATE, Reason.NEW, iam=READY), False, id="new"),
        pytest.param(item(Action.SKIPPED, Reason.ENGINE), False, id="skipped"),
        pytest.param(
            item(
                Action.KEEP,
                Reason.UNCHANGED,
                iam=replace(READY, findings=(finding(severity=Severity.WARNING),)),
            ),
            False,
            id="ready-with-a-warning",
        ),
        pytest.param(
            item(
                Action.KEEP,
                Reason.UNCHANGED,
                notes=(Note(NoteCode.INHERITED, "x", "y"),),
                iam=READY,
            ),
            False,
            id="with-a-note",
        ),
    ],
)
def test_who_has_a_part_of_the_page(one: Item, simple: bool) -> None:
    assert is_simple(one) is simple
    assert len(page(report(one)).named("article")) == (0 if simple else 1)


def test_a_part_tells_plan_labels_users_findings_and_repairs() -> None:
    ready = replace(judged(finding(), verdict=IamVerdict.READY), users=("alice", "bob"))
    one = item(Action.UPDATE, Reason.LABELS_CHANGED, iam=ready)
    assert one.name is not None
    said = text(report(one))
    for words in (
        "why orders is update",
        one.name,
        "managed-by = cachemuster",
        "These can log in: alice , bob as of 09:24 UTC",
        "blocker NO_IAM_USER",
        "--user-ids-to-add alice",
    ):
        assert words in said


def test_a_part_keeps_its_anchor_from_report_to_report() -> None:
    one = item(Action.KEEP, Reason.UNCHANGED, iam=judged())
    later = replace(one, action=Action.UPDATE, reason=Reason.DRIFT, message="other", iam=None)
    assert anchor_of(one) == anchor_of(later) == "cache-orders-5608ef4b"
    assert anchor_of(replace(one, cache="orders2")) != anchor_of(one)


@pytest.mark.slow
def test_of_too_many_parts_those_with_findings_stay() -> None:
    items = [
        item(Action.CREATE, Reason.NEW, f"c-{number:04}", iam=judged() if number > 2190 else READY)
        for number in range(2_200)
    ]
    chapter = select(grouped(report(*items)), dry_run=True, verbose=False).sections[0]
    assert (len(chapter.items), chapter.left_out) == (2000, 200)
    assert {one.cache for one in items[2191:]} <= {one.cache for one in chapter.items}
    assert "200 of 2200 are only in the table above" in text(report(*items))
    assert (
        len(select(grouped(report(*items)), dry_run=True, verbose=True).sections[0].items) == 2200
    )


def test_every_item_has_a_row_that_says_how_it_can_be_found() -> None:
    found = full_report()
    rows = [tag.attributes for tag in page(found).named("tr") if "data-plan" in tag.attributes]
    assert len(rows) == len(found.items)
    first = next(row for row in rows if str(row["data-name"]).startswith("payments"))
    assert first["data-plan"] == "changed"
    assert first["data-login"] == "not-ready"
    assert first["data-findings"] == "DEFAULT_USER_OPEN NO_IAM_USER"


def test_more_rows_than_a_browser_likes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.reports.html.table._ROWS", 7)
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{number}") for number in range(10)]
    assert "3 of 10 are not in this table" in text(report(*items))
    assert len(page(report(*items)).named("tr")) - 3 == 7  # a grid of two, and the head


def test_rows_are_laid_out_in_bodies_that_hold_them_all() -> None:
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{number}") for number in range(501)]
    seen = page(report(*items))
    assert len(seen.named("tbody")) - 1 == 3
    assert sum("data-plan" in tag.attributes for tag in seen.named("tr")) == 501


def test_the_grid_says_for_every_account_and_region_how_it_went() -> None:
    seen = page(full_report())
    cells = [words for path, words in seen.text if path[-1:] == ("td",)]
    heads = [words for path, words in seen.text if path[-3:] == ("thead", "tr", "th")]
    regions = [words for path, words in seen.text if path[-2:] == ("th", "span")]
    assert heads[0] == "Account"
    assert regions[:2] == ["eu-west-1", "me-south-1"]
    assert cells[:3] == ["2", "off", "! throttled"]


def test_an_account_that_was_not_entered_says_so_across_its_regions() -> None:
    closed = Failed(
        scope=Scope(OTHER.account_id, None), started_at=NOW, reason=ScopeReason.ASSUME_ROLE_DENIED
    )
    two = tuple(
        Complete(scope=Scope(WEST.account_id, Region(name)), started_at=NOW, caches=())
        for name in ("eu-west-1", "us-east-1")
    )
    seen = page(report(scopes=(*two, closed)))
    assert [
        tag.attributes["colspan"] for tag in seen.named("td") if "colspan" in tag.attributes
    ] == ["2"]
    assert "! no role" in seen.said(within="td")


def test_a_scope_that_is_missing_says_why_since_when_and_whether_that_is_expected() -> None:
    said = text(full_report(expected_failures=frozenset({OTHER})))
    assert "444455556666 · eu-west-1 ! THROTTLED expected 09:14 AWS throttled" in said
    assert "Not listed here: 1 REGION_NOT_ENABLED." in said


def test_every_reason_fits_into_a_cell() -> None:
    assert set(SHORT) == set(ScopeReason)
    assert max(map(len, SHORT.values())) <= 16


def test_of_too_many_accounts_those_that_lack_something_stay() -> None:
    scopes: list[Scanned] = [
        Complete(
            scope=Scope(AccountId(f"{number:012}"), WEST.region),
            started_at=EARLIER,
            caches=(cache("orders"),),
        )
        for number in range(1_005)
    ]
    scopes.append(replace(full_report().unread_scopes[0], scope=Scope(AccountId("9" * 12), None)))
    said = text(report(scopes=tuple(scopes)))
    assert "6 of 1006 accounts are not in the grid" in said
    assert "9" * 12 in said


def test_the_charts_add_up() -> None:
    found = full_report()
    seen = page(found)
    labels = [str(tag.attributes["aria-label"]) for tag in seen.named("svg")]
    assert labels == [
        "Bar: 2 ready, 2 not ready, 8 not judged",
        "Caches with NO_IAM_USER, blocker: 2; DEFAULT_USER_OPEN, warning: 2",
    ]
    widths = [
        float(str(tag.attributes["width"]).rstrip("%"))
        for tag in seen.named("rect")
        if tag.attributes["height"] == "100%"
    ]
    assert sum(widths) == pytest.approx(100, abs=0.01)


def test_of_a_cache_that_is_kept_out_the_labels_it_is_to_have_are_shown() -> None:
    wanted = database("orders", env="prod")
    one = item(Action.BLOCKED, Reason.IAM_NOT_READY, database=None, wanted=wanted, iam=judged())
    said = text(report(one))
    assert "Labels that it is to have" in said
    assert "env=prod" in "".join(said.split())


def test_a_share_is_never_rounded_to_none_or_all() -> None:
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{number}", iam=READY) for number in range(999)]
    said = text(report(*items, item(Action.KEEP, Reason.UNCHANGED, "bad", iam=judged())))
    assert "999 ready > 99 %" in said
    assert "1 not ready < 1 %" in said


def test_repairs_can_be_copied_as_they_stand() -> None:
    commands = finding().repair
    seen = page(report(item(Action.KEEP, Reason.UNCHANGED, iam=judged(finding()))))
    block = seen.said(within="pre")
    assert re.sub(r" \\\n +", " ", block).strip().splitlines() == list(commands)


def test_what_a_message_sets_in_backticks_is_code() -> None:
    one = item(Action.BLOCKED, Reason.REJECTED, message="run `tsh db ls` <now>, not `")
    seen = page(report(one))
    assert "tsh db ls" in seen.said(within="code")
    assert "run tsh db ls <now>, not `" in text(report(one))


@pytest.mark.slow
def test_rows_and_parts_are_written_one_by_one() -> None:
    one = full_report().items[0]
    many = report(*(one for _ in range(2_000)))
    stream = Counted()
    write_page(report(one), stream, AUDIT)  # compiles the templates, once
    tracemalloc.start()
    write_page(many, stream, AUDIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stream.length > 2_000 * 400
    assert peak < 1 << 20


class Counted(io.StringIO):
    """A stream that keeps nothing but the length of what it was given."""

    length = 0

    def write(self, text: str) -> int:
        self.length += len(text)
        return len(text)

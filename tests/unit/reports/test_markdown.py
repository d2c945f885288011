"""The report as a pull request comment: its order, its room, and what it says of what is cut."""

import re
from dataclasses import replace

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.values import Complete, Failed, Scanned
from discovery.reports.markdown.limit import COMMENT_LIMIT, Section, fit_to_comment
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.reports.view import Detail, Format, View
from tests.bench.fleet_report import fleet_report
from tests.support.rendered import read_markdown, rendered
from tests.support.report_samples import (
    OTHER,
    REFUSED,
    SECRET,
    carried_out,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)

CUT = re.compile(r"\*\*(\d+) of (\d+) ([a-z ]+) left out\*\*")


def markdown(found: Report, *, verbose: bool = False) -> str:
    return rendered(
        Format.MARKDOWN,
        found,
        View(title="audit", findings=True, detail=Detail.FULL if verbose else Detail.NORMAL),
    )


def test_the_sentence_comes_first() -> None:
    assert markdown(full_report()).splitlines()[0] == f"**{sentence(full_report())}**"


def test_what_needs_attention_comes_before_the_plan_and_the_rest() -> None:
    text = markdown(carried_out(full_report(guard=REFUSED), failed="orders"))
    titles = ("Needs attention (3)", "Plan:", "Scopes:", "IAM login:", "**Guard**", "Checksum")
    places = [text.index(title) for title in titles]
    assert places == sorted(places)


def test_every_item_that_is_not_quiet_stands_there_once() -> None:
    read = read_markdown(markdown(full_report()))
    rows = len(read.named("tr")) - 1
    pressing = len(read.named("li")) - 1  # one is the scope
    quiet = sum(1 for one in full_report().items if one.action in (Action.KEEP, Action.SKIPPED))
    assert rows + pressing + quiet == len(full_report().items)


def test_every_row_has_as_many_cells_as_the_head() -> None:
    read = read_markdown(markdown(full_report()))
    assert len(read.named("td")) == 5 * (len(read.named("tr")) - 1)


def test_verbose_lists_what_is_kept_and_unwanted() -> None:
    assert "sessions" in markdown(full_report(), verbose=True).split("### Scopes")[0]
    assert "sessions" not in markdown(full_report()).split("### Scopes")[0]


def test_a_scope_that_was_not_read_says_why_and_since_when() -> None:
    text = markdown(full_report(expected_failures=frozenset({OTHER})))
    line = next(line for line in text.splitlines() if line.startswith("- **unread**"))
    assert "`THROTTLED` · failing since 09:14 · expected: AWS throttled" in line
    assert "Not asked: 1 `REGION_NOT_ENABLED`" in text


def test_a_scope_that_was_partly_read_is_listed() -> None:
    partly: Scanned = replace(scopes()[0], message="no tags")
    assert isinstance(partly, Complete)
    assert "- **partly read** · `111122223333/eu-west-1`: no tags" in markdown(
        report(scopes=(partly,))
    )


def test_repairs_stand_in_a_block() -> None:
    read = read_markdown(markdown(full_report()))
    assert "--user-ids-to-add alice" in read.said(within="pre")


def test_a_finding_that_caches_share_is_told_once() -> None:
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{n}", iam=judged(finding())) for n in range(9)]
    text = markdown(report(*items))
    assert text.count("NO_IAM_USER") == 1
    assert "`c-0`, `c-1`, `c-2` and 6 more caches in" in text


def test_of_many_items_the_reasons_are_counted_first() -> None:
    found = [item(Action.BLOCKED, Reason.REJECTED, f"c-{n}") for n in range(3_000)]
    found.append(item(Action.CONFLICT, Reason.FOREIGN, "mine"))
    text = markdown(report(*found))
    assert "Items by reason: `REJECTED` 3000, `FOREIGN` 1" in text
    assert "items left out** for want of room" in text
    assert "Items by reason" not in markdown(report(*found[:3]))


def test_external_ids_are_fingerprints() -> None:
    assert SECRET not in markdown(full_report())
    assert "`sha256:fe2bc74c`" in markdown(full_report())


def test_what_ended_a_sweep_early_is_said() -> None:
    text = markdown(report(error="listing failed", plan_changed=True))
    assert "**Not finished**: listing failed" in text
    assert "**Not the plan that was named**" in text


@pytest.mark.parametrize("caches", [200, 2_000])
def test_a_large_fleet_fits_and_what_is_cut_is_counted(caches: int) -> None:
    text = markdown(fleet_report(caches))
    assert len(text) <= COMMENT_LIMIT
    cuts = {noun: (int(cut), int(total)) for cut, total, noun in CUT.findall(text)}
    read = read_markdown(text)
    cut, total = cuts.get("items of the plan", (0, len(read.named("tr")) - 1))
    assert len(read.named("tr")) - 1 == total - cut
    assert (caches == 2_000) == ("findings" in cuts)
    assert "Checksum of this plan" in text


def test_items_that_are_all_pressing_leave_room_for_findings() -> None:
    failing = judged(finding())
    items = [
        item(Action.BLOCKED, Reason.NAME_INVALID, f"c-{n}", message="why " * 100, iam=failing)
        for n in range(3_000)
    ]
    text = markdown(report(*items))
    assert len(text) <= COMMENT_LIMIT
    assert "items left out" in text
    assert "--user-ids-to-add alice" in text


@pytest.mark.parametrize("filling", ["`" * 600, "é" * 600, "@a " * 200, "\x00" * 600])
def test_the_longest_messages_fit_too(filling: str) -> None:
    failed = [replace(scope, message=filling) for scope in scopes() if isinstance(scope, Failed)]
    items = [
        item(Action.BLOCKED, Reason.NAME_INVALID, f"c-{n}", message=filling) for n in range(99)
    ]
    found = report(
        *items,
        scopes=(*scopes()[:1], *failed * 60),
        error=filling,
        interrupted=True,
        stop_message=filling,
        guard=replace(REFUSED, message=filling),
        endpoints={"sts": filling},
    )
    assert len(markdown(found).encode()) <= COMMENT_LIMIT


def test_room_that_one_section_leaves_is_used_by_the_next() -> None:
    few = Section(title="few", entries=["a\n"], total=1)
    many = Section(title="many", entries=["b\n"] * 900, total=900)
    first, second = fit_to_comment((few, many), 2_500)
    assert "left out" not in first
    assert second.count("b\n") == 900
    alone = "".join(fit_to_comment((few, replace(many, share=1)), 1_500))
    assert "of 900 entries left out" in alone

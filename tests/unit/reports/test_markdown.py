"""The report as a pull request comment: its order, its room, and what it says of what is cut."""

import re
from dataclasses import replace

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.values import Complete, Failed, Scanned
from discovery.reports.markdown.limit import COMMENT_LIMIT, Block, Section, fit_to_comment
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.reports.view import Detail, Format, GroupBy, View
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
    titles = (
        "| Needs attention |",
        "### Scopes:",
        "### Failed (1)",
        "### Removed (1)",
        "### Needs someone (2)",
        "### IAM login:",
        "### Updated (2)",
        "**Guard**",
        "Checksum",
    )
    places = [text.index(title) for title in titles]
    assert places == sorted(places)


def test_every_item_that_is_not_quiet_stands_there_once() -> None:
    found = full_report()
    before_findings, _, rest = markdown(found).partition("### IAM login")
    text = before_findings + rest.partition("### Would be updated")[2]
    for one in found.items:
        quiet = one.action in (Action.KEEP, Action.SKIPPED)
        assert text.count(f"\n- `{one.cache or one.name}` · ") == (0 if quiet else 1)


def test_all_but_the_first_screen_is_collapsed_and_closed_again() -> None:
    read = read_markdown(markdown(full_report()))
    assert len(read.named("details")) == len(read.named("summary")) == 10
    assert not read.unbalanced
    assert "`cachemuster" not in read.said(within="summary")


def test_full_lists_what_is_kept_and_unwanted() -> None:
    assert "- `sessions` ·" in markdown(full_report(), verbose=True)
    assert "- `sessions` ·" not in markdown(full_report())
    assert "`= 2 keep   . 2 skipped (ENGINE 1, NO_MATCHER 1)`" in markdown(full_report())


def test_a_summary_has_totals_and_no_list() -> None:
    text = rendered(
        Format.MARKDOWN,
        full_report(),
        View(title="audit", findings=True, detail=Detail.SUMMARY),
    )
    assert "| `!` blocked | 1 | `NAME_COLLISION` 1 |" in text
    assert "- Would be updated: 2" in text
    assert "- IAM login: 2 ready, 2 not-ready, 0 unknown" in text
    assert "details" not in text


@pytest.mark.parametrize("by", list(GroupBy))
def test_items_stand_under_their_group_each_once(by: GroupBy) -> None:
    owned = [replace(one, owner="<b>@shop</b>") for one in full_report().items[:5]]
    found = replace(full_report(), items=(*owned, *full_report().items[5:]))
    text = rendered(
        Format.MARKDOWN, found, View(title="audit", findings=True, group_by=by)
    ).partition("### Reasons")[0]
    for one in found.items:
        assert text.count(f"** · `{one.cache or one.name}` · ") == 1
    if by is GroupBy.OWNER:
        assert "<code>&lt;b&gt;@shop&lt;/b&gt;</code> · " in text
        assert text.index("@shop") < text.index("<code>no owner</code>")


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
    assert text.count("User group app has no member") == 1
    assert "blocker · 9 caches · <code>NO_IAM_USER</code>" in text
    assert "`c-0`, `c-1`, `c-2` and 6 more caches in" in text


def test_of_many_items_the_reasons_are_counted_first() -> None:
    found = [item(Action.BLOCKED, Reason.REJECTED, f"c-{n}") for n in range(3_000)]
    found.append(item(Action.CONFLICT, Reason.FOREIGN, "mine"))
    text = markdown(report(*found))
    assert "| `!` blocked | 3000 | `REJECTED` 3000 |" in text
    assert "| `!` conflict | 1 | `FOREIGN` 1 |" in text
    assert "\nand 2950 more\n" in text
    assert "- `mine` · " in text


def test_external_ids_are_fingerprints() -> None:
    assert SECRET not in markdown(full_report())
    assert "`sha256:fe2bc74c`" in markdown(full_report())


def test_what_ended_a_sweep_early_is_said() -> None:
    text = markdown(report(error="listing failed", plan_changed=True))
    assert "**Not finished**: listing failed" in text
    assert "**Not the plan that was named**" in text


@pytest.mark.parametrize("caches", [200, 2_000])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_large_fleet_fits_and_what_is_cut_is_counted(caches: int, verbose: bool) -> None:
    found = fleet_report(caches)
    text = markdown(found, verbose=verbose)
    assert len(text) <= COMMENT_LIMIT
    assert not read_markdown(text).unbalanced
    sections = text.split("\n### ")
    plan = "\n".join(one for one in sections if not one.startswith(("IAM login", "Scopes")))
    listed = len(re.findall(r"^- `", plan, re.MULTILINE))
    cut = sum(int(count) for count, _, noun in CUT.findall(plan) if noun == "items")
    more = sum(map(int, re.findall(r"^and (\d+) more$", plan, re.MULTILINE)))
    quiet = sum(1 for one in found.items if one.action in (Action.KEEP, Action.SKIPPED))
    assert listed + more + cut == len(found.items) - (0 if verbose else quiet)
    assert "Checksum of this plan" in text


@pytest.mark.slow
def test_items_that_are_all_pressing_leave_room_for_findings() -> None:
    failing = judged(finding())
    items = [
        item(Action.BLOCKED, Reason.NAME_INVALID, f"c-{n}", message="why " * 100, iam=failing)
        for n in range(3_000)
    ]
    text = markdown(report(*items), verbose=True)
    assert len(text) <= COMMENT_LIMIT
    assert re.search(r"^and \d+ more$", text, re.MULTILINE)
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
    few = Section(title="few", blocks=[Block(head="a\n")], total=1)
    many = Section(title="many", blocks=[Block(head="b\n") for _ in range(900)], total=900)
    first, second = fit_to_comment((few, many), 5_000)
    assert "left out" not in first
    assert second.count("b\n") == 900
    many = replace(many, blocks=[Block(head="b" * 60) for _ in range(900)])
    alone = "".join(fit_to_comment((few, many), 1_500))
    assert "of 900 entries left out" in alone


def test_a_block_that_does_not_fit_is_closed_and_says_how_many_more_there_are() -> None:
    block = Block(head="<d>\n", lines=["- line\n"] * 100, tail="</d>\n", total=120)
    (text,) = fit_to_comment([Section(title="t", blocks=[block], total=120)], 500)
    assert len(text) <= 500
    listed = text.count("- line\n")
    assert 0 < listed < 100
    assert f"\nand {120 - listed} more\n</d>" in text

"""The page: whole, self-contained, complete without a script, honest about what it leaves out."""

import io
import re
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model.codes import Action, IamVerdict, Reason, ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Region, Scanned, Scope
from discovery.plan.item import Item
from discovery.reports.html.anchors import anchor_of
from discovery.reports.html.cache_list import cache_list
from discovery.reports.html.grid import SHORT
from discovery.reports.html.overview import numbers
from discovery.reports.html.page import write_page
from discovery.reports.needs import needs
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.reports.view import Detail, Format, GroupBy, View
from tests.bench.fleet_report import fleet_report
from tests.support.rendered import AUDIT, Read, read, rendered
from tests.support.report_samples import (
    EARLIER,
    EAST,
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


def test_every_cache_has_a_part_of_the_page_and_all_are_closed() -> None:
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{number}") for number in range(13)]
    seen = page(report(*items))
    assert len(seen.named("article")) == 13
    assert not [tag for tag in seen.named("details") if "open" in tag.attributes]


def test_groups_of_a_few_caches_are_open() -> None:
    opened = [tag for tag in page(full_report()).named("details") if "open" in tag.attributes]
    assert {str(tag.attributes["class"]).split()[0] for tag in opened} == {"group"}


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
        "Repair commands",
    ):
        assert words in said


def test_a_part_keeps_its_anchor_from_report_to_report() -> None:
    one = item(Action.KEEP, Reason.UNCHANGED, iam=judged())
    later = replace(one, action=Action.UPDATE, reason=Reason.DRIFT, message="other", iam=None)
    assert anchor_of(one) == anchor_of(later) == "cache-orders-5608ef4b"
    assert anchor_of(replace(one, cache="orders2")) != anchor_of(one)


def test_a_finding_leads_to_its_repair_commands() -> None:
    one, other = (
        item(Action.KEEP, Reason.UNCHANGED, name, iam=judged(finding())) for name in ("a", "b")
    )
    markup = rendered(Format.HTML, report(one, other))
    links = re.findall(r'<a href="#(finding-[a-z0-9-]+)">Repair commands', markup)
    assert len(links) == 2
    assert len(set(links)) == 1, "caches that share a finding share its commands"
    assert markup.count("--user-ids-to-add") == 1
    place = markup.index(f'id="{links[0]}"')
    assert place < markup.index("--user-ids-to-add", place) < markup.index('id="caches"')


@pytest.mark.slow
def test_beyond_two_thousand_the_page_has_what_needs_somebody_and_names_the_csv() -> None:
    found = fleet_report(2_400)
    listed = cache_list(found, AUDIT)
    assert listed.total == 2_400
    assert listed.listed == listed.needing < 1_000
    assert all(entry.needs for group in listed.groups for entry in group.entries)
    said = text(found)
    assert f"This page lists {listed.listed} of 2400: those that need somebody" in said
    assert "cachemuster audit --format csv -o caches.csv lists them all" in said
    in_full = cache_list(found, View(title="audit", findings=True, detail=Detail.FULL))
    assert in_full.left_out == 0


def test_of_too_many_that_need_somebody_the_most_pressing_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("discovery.reports.html.cache_list.EVERY_ITEM", 3)
    monkeypatch.setattr("discovery.reports.html.cache_list.MOST", 2)
    items = [
        item(Action.KEEP, Reason.UNCHANGED, "a", iam=judged()),
        item(Action.KEEP, Reason.UNCHANGED, "b", iam=judged()),
        item(Action.CONFLICT, Reason.FOREIGN, "c"),
        item(Action.KEEP, Reason.UNCHANGED, "d"),
    ]
    listed = cache_list(report(*items), AUDIT)
    assert [e.item.cache for group in listed.groups for e in group.entries] == ["c", "a"]
    assert "of the 3 that need somebody those that need it most" in text(report(*items))


class TestCounts:
    """Numbers of the first screen are counts over the items, and agree with one another."""

    @pytest.mark.parametrize(
        "found",
        [
            pytest.param(full_report(guard=REFUSED), id="full"),
            pytest.param(carried_out(full_report(), failed="orders"), id="carried-out"),
            pytest.param(fleet_report(400), id="fleet"),
            pytest.param(fleet_report(50, calm=True), id="calm"),
            pytest.param(report(scopes=()), id="nothing-at-all"),
        ],
    )
    def test_what_needs_somebody_is_as_many_rows(self, found: Report) -> None:
        markup = rendered(Format.HTML, found)
        rows = [t.attributes for t in read(markup).tags if "data-action" in t.attributes]
        shown = dict(re.findall(r'<a href="#needs=([a-z-]+)">.*?<b>(\d+)</b>', markup))
        for kind, count in shown.items():
            assert int(count) == sum(kind in str(row.get("data-needs")).split() for row in rows)
        assert shown == {need.kind: str(need.count) for need in needs(found) if need.items}

    def test_not_ready_ones_are_not_hidden_behind_a_nought(self) -> None:
        items = [item(Action.KEEP, Reason.UNCHANGED, f"c{n}", iam=judged()) for n in range(51)]
        assert "51 not ready for IAM login" in text(report(*items))

    @given(st.lists(st.sampled_from(full_report().items), max_size=12))
    @settings(max_examples=25, deadline=None)
    def test_the_large_numbers_are_counts(self, items: list[Item]) -> None:
        found = report(*(replace(one, cache=f"c{n}") for n, one in enumerate(items)))
        ready, changes = (number for number in numbers(found) if number.term in _COUNTED)
        judged_ones = [one.iam for one in items if one.iam]
        assert ready.value == sum(one.verdict is IamVerdict.READY for one in judged_ones)
        assert ready.remark == f"of {len(judged_ones)} judged"
        counts = [sum(one.action is action for one in items) for action in _WRITES]
        assert changes.value == "+{} ~{} -{}".format(*counts)

    def test_groups_hold_every_listed_cache_once(self) -> None:
        found = fleet_report(400)
        for by in (None, *GroupBy):
            listed = cache_list(found, replace(AUDIT, group_by=by))
            items = [id(entry.item) for group in listed.groups for entry in group.entries]
            assert len(items) == len(set(items)) == 400

    def test_a_group_counts_those_of_its_kind_that_are_listed_elsewhere(self) -> None:
        both = item(Action.BLOCKED, Reason.IAM_NOT_READY, "both", iam=judged())
        one = item(Action.KEEP, Reason.UNCHANGED, "one", iam=judged())
        said = text(report(both, one))
        assert "Not ready for IAM login 1 and 1 of those above" in said


_COUNTED = ("IAM login ready", "Changes")
_WRITES = (Action.CREATE, Action.UPDATE, Action.DELETE)


def test_pictures_show_accounts_regions_and_owners_where_they_are_known() -> None:
    items = [
        replace(
            item(Action.KEEP, Reason.UNCHANGED, f"c{n}", scope, iam=judged() if n else READY),
            owner=owner,
        )
        for n, (scope, owner) in enumerate([(WEST, "web"), (OTHER, "ml"), (EAST, None)])
    ]
    found = report(*items, account_names={WEST.account_id: "payments"})
    labels = [str(tag.attributes["aria-label"]) for tag in page(found).named("svg")]
    assert labels[2] == (
        "Ready for IAM login, by account. payments (111122223333): 1 ready, 1 not ready; "
        "444455556666: 1 not ready"
    )
    assert labels[4] == (
        "Ready for IAM login, by owner. ml: 1 not ready; no owner known: 1 not ready; web: 1 ready"
    )


def test_a_picture_of_more_accounts_than_it_has_room_for_sums_up_the_rest() -> None:
    items = [
        item(
            Action.KEEP,
            Reason.UNCHANGED,
            f"c{n}",
            Scope(AccountId(f"{n:012}"), WEST.region),
            iam=judged() if n < 2 else READY,
        )
        for n in range(20)
    ]
    labels = [str(tag.attributes["aria-label"]) for tag in page(report(*items)).named("svg")]
    assert labels[2].endswith("8 more accounts: 8 ready")
    assert "000000000000: 1 not ready; 000000000001: 1 not ready; " in labels[2]


def test_groups_are_by_account_region_or_owner_when_asked_for() -> None:
    items = [
        replace(item(Action.KEEP, Reason.UNCHANGED, "a"), owner="web & co"),
        item(Action.KEEP, Reason.UNCHANGED, "b", OTHER),
    ]
    found = report(*items, account_names={WEST.account_id: "payments"})
    titles = {
        by: [group.title for group in cache_list(found, replace(AUDIT, group_by=by)).groups]
        for by in GroupBy
    }
    assert titles == {
        GroupBy.ACCOUNT: ["444455556666", "payments (111122223333)"],
        GroupBy.REGION: ["eu-west-1"],
        GroupBy.OWNER: ["web & co", "no owner"],
    }
    assert 'id="owner=web+%26+co"' in rendered(
        Format.HTML, found, replace(AUDIT, group_by=GroupBy.OWNER)
    )


def test_every_item_has_a_row_that_says_how_it_can_be_found() -> None:
    found = full_report()
    rows = [t.attributes for t in page(found).named("details") if "data-action" in t.attributes]
    assert len(rows) == len(found.items)
    first = next(row for row in rows if str(row["data-name"]).startswith("payments"))
    assert first["data-action"] == "update"
    assert first["data-verdict"] == "not-ready"
    assert first["data-finding"] == "DEFAULT_USER_OPEN NO_IAM_USER"
    assert first["data-account"] == "111122223333"
    assert first["data-region"] == "eu-west-1"
    assert first["data-owner"] == "(none)"


def test_more_rows_than_a_browser_likes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.reports.html.cache_list.MOST_IN_FULL", 7)
    items = [item(Action.KEEP, Reason.UNCHANGED, f"c-{number}") for number in range(10)]
    assert "This page lists 7 of 10" in text(report(*items))
    assert len(page(report(*items)).named("article")) == 7


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
        "Bar: 1 read, 1 unread, 1 not asked, on purpose",
        "Ready for IAM login, by account. 111122223333: 2 ready, 2 not ready, 7 not judged; "
        "444455556666: 1 not judged",
        "Ready for IAM login, by region. eu-west-1: 2 ready, 2 not ready, 6 not judged; "
        "us-east-1: 2 not judged",
        "Caches with NO_IAM_USER, blocker: 2 caches; DEFAULT_USER_OPEN, warning: 2 caches",
    ]
    widths = [
        float(str(tag.attributes["width"]).rstrip("%"))
        for tag in seen.named("rect")
        if tag.attributes["height"] == "100%"
    ]
    assert sum(widths) == pytest.approx(200, abs=0.01)


def test_of_a_cache_that_is_kept_out_the_labels_it_is_to_have_are_shown() -> None:
    wanted = database("orders", env="prod")
    one = item(Action.BLOCKED, Reason.IAM_NOT_READY, database=None, wanted=wanted, iam=judged())
    said = text(report(one))
    assert "Labels that it is to have" in said
    assert "env=prod" in "".join(said.split())


@pytest.mark.slow
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

"""R3, budget: a mass removal is refused as a whole, and everything else goes on."""

from __future__ import annotations

from typing import Any

from tests.scenarios.tale import Tale

NOW = {"missed_sweeps": 1, "grace": "0s"}


def fleet(tale: Tale, count: int, **limits: Any) -> list[str]:
    """So many caches, registered; a removal of theirs needs no time."""
    tale.configure(deregistration={**NOW, **limits})
    names = [f"c{number:02}" for number in range(count)]
    for name in names:
        tale.cache(name)
    tale.sweep()
    return names


def lose(tale: Tale, names: list[str]) -> None:
    for name in names:
        tale.gone(name)


def test_a_share_too_large_is_refused_and_nothing_but_removals(tale: Tale) -> None:
    names = fleet(tale, 10, max_percent=30, min_allowed=2)
    lose(tale, names[:4])
    tale.cache("fresh")
    tale.tag("c09", {"team": "a"})
    assert tale.audit(exits=4).document["guard"]["refused"] is True
    told = tale.sweep(exits=4)
    guard = told.document["guard"]
    assert (guard["code"], guard["removals"], guard["limit"]) == ("GUARD_PERCENT", 4, 3)
    assert told.document["summary"]["delete"] == 0
    assert {told.verdicts[name] for name in names[:4]} == {"held/GUARD_PERCENT"}
    assert told.verdicts["fresh"] == "create/NEW"
    assert told.verdicts["c09"] == "update/LABELS_CHANGED"
    assert len(tale.registry) == 11
    # Leave for too few is no leave.
    tale.sweep("--allow-mass-removal", "3", exits=4)
    assert tale.sweep("--allow-mass-removal", "4").document["summary"]["delete"] == 4
    assert len(tale.registry) == 7


def test_the_count_bounds_what_the_share_allows(tale: Tale) -> None:
    names = fleet(tale, 8, max_percent=100, max_count=2)
    lose(tale, names[:3])
    told = tale.sweep(exits=4)
    assert told.document["guard"]["code"] == "GUARD_COUNT"
    assert {told.verdicts[name] for name in names[:3]} == {"held/GUARD_COUNT"}


def test_max_count_0_never_removes(tale: Tale) -> None:
    names = fleet(tale, 5, max_percent=100, max_count=0)
    lose(tale, names[:1])
    for _ in range(2):
        tale.later(hours=2)
        assert tale.sweep(exits=4).verdicts["c00"] == "held/GUARD_COUNT"
    assert len(tale.registry) == 5


def test_no_cache_anywhere_is_not_believed(tale: Tale) -> None:
    names = fleet(tale, 2, max_percent=100, min_allowed=5)
    lose(tale, names)
    assert set(tale.sweep(exits=4).verdicts.values()) == {"held/GUARD_EMPTY"}
    tale.configure(
        deregistration={**NOW, "max_percent": 100, "min_allowed": 5, "allow_empty": True}
    )
    assert tale.sweep().document["summary"]["delete"] == 2
    assert tale.registry == {}


def test_one_region_that_becomes_empty_is_ordinary(tale: Tale) -> None:
    tale.configure(aws={"regions": ["eu-central-1", "us-east-1"]}, deregistration=NOW)
    tale.cache("orders")
    tale.cache("legacy", "us-east-1")
    tale.sweep()
    tale.gone("legacy", "us-east-1")
    assert tale.sweep().verdicts["legacy"] == "delete/ABSENT"


def test_a_removal_is_counted_for_the_whole_window(tale: Tale) -> None:
    names = fleet(tale, 6, max_percent=10, min_allowed=3, window="1h")
    for name in names[:3]:
        lose(tale, [name])
        assert tale.sweep().document["summary"]["delete"] == 1
        tale.later(minutes=10)
    lose(tale, names[3:4])
    refused = tale.sweep(exits=4)
    assert refused.document["guard"]["removals"] == 4
    assert refused.verdicts["c03"] == "held/GUARD_PERCENT"
    # Half an hour later the first one has left the window.
    tale.later(minutes=31)
    assert tale.sweep().verdicts["c03"] == "delete/ABSENT"


def test_renames_are_paid_from_the_same_budget(tale: Tale) -> None:
    names = fleet(tale, 10, max_percent=30)
    lose(tale, names[:2])
    for name in names[2:4]:
        tale.tag(name, {"TeleportDatabaseName": f"{name}-db"})
    told = tale.sweep(exits=4)
    assert told.document["guard"]["removals"] == 4
    assert {told.verdicts[name] for name in names[:2]} == {"held/GUARD_PERCENT"}
    # A refused rename is an update under the old name: its tag has become a label.
    assert {told.verdicts[name] for name in names[2:4]} == {"update/LABELS_CHANGED"}
    assert not {"c02-db", "c03-db"} & set(tale.registry)
    assert len(tale.registry) == 10


def test_removals_of_an_earlier_process_count(tale: Tale) -> None:
    """The budget lives in the journal; every run of this story is a process of its own."""
    names = fleet(tale, 4, max_percent=25, min_allowed=1)
    lose(tale, names[:1])
    tale.sweep()
    lose(tale, names[1:2])
    told = tale.sweep(exits=4)
    message = told.document["guard"]["message"]
    assert message.startswith("2 removals within 60 min (1 of them done already)")
    # What bounds it is said as it is: a quarter of three is none, one may always go.
    assert (
        "of 3 registrations only 1 may go (deregistration.max_percent 25, min_allowed 1)" in message
    )


def test_a_clock_that_stepped_back_gives_no_new_budget(tale: Tale) -> None:
    names = fleet(tale, 4, max_percent=25, min_allowed=1)
    lose(tale, names[:1])
    tale.sweep()
    tale.later(days=-2)
    lose(tale, names[1:2])
    assert tale.sweep(exits=4).verdicts["c01"] == "held/GUARD_PERCENT"


def test_held_by_the_guard_goes_on_counting_its_misses(tale: Tale) -> None:
    names = fleet(tale, 4, max_percent=25, min_allowed=1)
    lose(tale, names[:2])
    tale.sweep(exits=4)
    assert tale.sweep(exits=4).item("c00")["missed"]["scans"] == 2


def test_leave_for_a_mass_removal_shortens_no_time(tale: Tale) -> None:
    names = fleet(tale, 4)
    tale.configure(deregistration={"missed_sweeps": 2, "grace": "10m"})
    lose(tale, names)
    told = tale.sweep("--allow-mass-removal", "4")
    assert set(told.verdicts.values()) == {"held/WAITING"}
    assert len(tale.registry) == 4

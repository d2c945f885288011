"""`--log-format json`: nothing but JSON lines on stderr, whatever a command has to say there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.test_service import QUIET, wait_for_sweeps
from tests.support.scenario import FRANKFURT, VIRGINIA, Scenario
from tests.support.service_process import service_process


def events(text: str) -> list[dict[str, Any]]:
    """Every line, each of which has to be an event."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all({"event", "level", "timestamp"} <= each.keys() for each in found)
    return found


def messages(text: str) -> str:
    return "\n".join(each["text"] for each in events(text) if each["event"] == "cli.message")


COMMANDS = {
    "sweep": ("sweep", "--format", "json"),
    "audit of what is not there": ("audit", "--format", "json", "--only", "999999999999"),
    "export": ("export",),
    "explain": ("explain", "nosuch"),
    "history": ("history", "--cache", "nosuch"),
    "adopt": ("adopt", "nosuch"),
    "doctor": ("doctor", "--format", "json"),
    "token": ("token", "orders", "app", "--region", FRANKFURT),
    "policies": ("policies", "hub"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_every_line_is_json(scenario: Scenario, command: tuple[str, ...]) -> None:
    scenario.cache("orders")
    run = scenario.run(*command, "--log-format", "json")
    assert run.err
    events(run.err)


ENDINGS = {
    "no configuration": (("-c", "nowhere.yaml", "status"), 78, "there is no such file"),
    "no such command": (("nosuch",), 64, "No such command"),
    "no such option": (("run", "--nosuch"), 64, "No such option"),
    "no such value": (("sweep", "--only", "12"), 64, "is no scope"),
    "a file that cannot be written": (("audit", "-o", "/nonexistent/x"), 64, "cannot be written"),
}


@pytest.mark.parametrize(
    "given", [("--log-format", "json"), ("--log-format=json",)], ids=["two", "one"]
)
@pytest.mark.parametrize(("command", "code", "words"), ENDINGS.values(), ids=ENDINGS.keys())
def test_what_ends_a_command_is_an_event_too(
    scenario: Scenario, given: tuple[str, ...], command: tuple[str, ...], code: int, words: str
) -> None:
    run = scenario.run(*given, *command)
    assert run.code == code, run
    (event,) = [each for each in events(run.err) if each["event"] == "cli.message"]
    assert words in event["text"]
    assert event["level"] == "error"


def test_without_it_a_sentence_stays_a_sentence(scenario: Scenario) -> None:
    scenario.run("status", "--log-format", "json")
    run = scenario.run("sweep", "--format", "json")
    assert run.err.splitlines()[-1] == "0 caches in 1 account; nothing to change"


@pytest.mark.slow
@pytest.mark.parametrize("given", [(), ("--log-format", "json")], ids=["collected", "asked for"])
def test_the_log_of_a_service_is_json_from_its_first_line_to_its_last(
    scenario: Scenario, given: tuple[str, ...]
) -> None:
    scenario.configure(service=QUIET)
    with service_process(scenario, *given) as service:
        wait_for_sweeps(service)
        assert service.ended() == 0
    assert "Health and metrics are served on http://127.0.0.1:" in messages(service.output)
    assert "Stopping once" in messages(service.output)


@pytest.mark.slow
def test_a_rescan_counts_only_what_is_its_own(scenario: Scenario) -> None:
    queue = scenario.region().add_queue("changes", {"VisibilityTimeout": "2"})
    url = scenario.cli.environment["AWS_ENDPOINT_URL"]
    listen = {"queue_url": f"{url}/111122223333/changes", "debounce": "0s"}
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]}, service={**QUIET, "events": listen})
    for name in ("carts", "prices"):
        scenario.cache(name, region=VIRGINIA)
    scenario.aws.world.events.deliver_to(queue)
    with service_process(scenario) as service:
        wait_for_sweeps(service)
        scenario.cache("orders")
        (rescan,) = service.until("sweep.finished", kind="rescan")
        assert (rescan["create"], rescan["held"], rescan["keep"]) == (1, 0, 0)
        assert service.ended() == 0

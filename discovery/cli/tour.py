"""The tour of quickstart: steps in order, each a change to the cloud and a command."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from rich.console import Console
from rich.table import Table

from discovery.cli.app import run
from discovery.reports.exit import Exit
from discovery.reports.summary import counted
from discovery.reports.terminal.style import cell, columns, console_for
from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from discovery.sandbox.demo import SHOP

_WIDTH: Final = 80
_STORE: Final = "eu-central-1"
_DARK: Final = "eu-west-1"

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_EXIT_MEANINGS: Final = {
    Exit.DONE: "done",
    Exit.INCOMPLETE: "done, but something could not be read",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the tour: what happens, why it matters, and the command that shows it."""

    title: str
    why: str
    command: tuple[str, ...]
    change: Callable[[SimulatedAws], None]
    """What happens in the cloud before the command."""
    shown: str
    """Regular expression for the output lines to show; the last line always is."""
    exit_code: Exit = Exit.DONE


def _nothing(aws: SimulatedAws) -> None:
    del aws


def _wishlist_appears(aws: SimulatedAws) -> None:
    shop = aws.world.account(SHOP).region(_STORE)
    shop.add_cache("wishlist", group="checkout", tags={"env": "prod", "team": "checkout"})


def _region_goes_dark(aws: SimulatedAws) -> None:
    operation = "DescribeServerlessCaches"
    denied = Fault(effect=Effect.DENIED, region=_DARK, service="elasticache", operation=operation)
    aws.faults.add(denied)


def _region_is_back_and_orders_is_gone(aws: SimulatedAws) -> None:
    aws.faults.clear()
    aws.world.account(SHOP).region(_STORE).remove_cache("orders")


STEPS: Final = (
    Step(
        "An audit: look first",
        "It reads every account and region, shows what a sweep would do and why, and says for each "
        "cache whether a person could log in to it with IAM. Nothing in its hands can write.",
        ("audit",),
        _nothing,
        shown=r"Cluster |Needs|! +4 not|IAM login|! blocker .* NO_IAM|carts ·|no member of user "
        r"group carts|have pass|with IAM; mend|Would|\+ create|(sessions|orders) ·",
    ),
    Step(
        "A first sweep: register",
        "It does what the audit showed, and remembers what it did.",
        ("sweep",),
        _nothing,
        shown=r"Created|\+ create|(sessions|orders) ·|\. 2 skipped",
    ),
    Step(
        "A second sweep: nothing to do",
        "The cloud is as it was, so nothing is written. Most sweeps look like this one.",
        ("sweep",),
        _nothing,
        shown=r"= 7 keep",
    ),
    Step(
        "A cache appears",
        "Somebody creates the cache wishlist and tags it env=prod. The next sweep finds it; nobody "
        "has to file a ticket.",
        ("sweep",),
        _wishlist_appears,
        shown=r"Created|\+ create|as wishlist|= 7 keep",
    ),
    Step(
        "A region fails: nothing is removed",
        f"From now on AWS denies every look into {_DARK}. What cannot be seen is not gone: its "
        "databases stay as they are, and the exit code says that the picture is incomplete.",
        ("sweep",),
        _region_goes_dark,
        exit_code=Exit.INCOMPLETE,
        shown=r"Needs|! +3 scopes|.*111122223333.*since|Waiting|\? held|rate-limits ·|"
        r"= 5 keep",
    ),
    Step(
        "A cache is deleted: first it waits",
        f"{_DARK} answers again, and somebody deletes the cache orders. One look is not enough to "
        "take a database away from people: the removal waits for a second one.",
        ("sweep",),
        _region_is_back_and_orders_is_gone,
        shown=r"Waiting|\? held|  a complete|  cache; seen",
    ),
    Step(
        "Then it is removed",
        "The cache is missing for the second time. AWS is asked once more, for this one cache by "
        "name; it is really gone, and so the database goes.",
        ("sweep",),
        _nothing,
        shown=r"Removed|- delete|  a complete|Guard|= 1 of",
    ),
    Step(
        "Do people get in? A login",
        "That somebody could log in was an opinion so far. Now it does so itself, as those users "
        "and with the role that Teleport connects with. It sends PING and writes nothing.",
        ("probe",),
        _nothing,
        shown=r"proved|(sessions|rate-limits|wishlist) ·",
    ),
)
"""The steps of the tour."""


class Tour:
    """Run the tour on stdout, with the very commands that it names."""

    def __init__(self, aws: SimulatedAws, path: Path, *, verbosity: int) -> None:
        self._aws = aws
        self._path = path
        self._options = ("--log-format", "console", *("-v",) * verbosity)
        self._shows_all = verbosity > 0
        self._console = _console()
        self._step = 0

    def run_steps(self) -> Exit:
        """Run all steps; the exit code is 0 when each ended as expected."""
        began = monotonic()
        self._welcome()
        self._show_cloud()
        for step in STEPS:
            exit_code = self._run_step(step)
            if exit_code in (Exit.INTERRUPTED, Exit.TERMINATED):
                return exit_code
            if exit_code is not step.exit_code:
                self._print_text(
                    f"The tour stops here: this step should have ended with {step.exit_code}."
                )
                return Exit.FAILED
        self._show_next_steps(monotonic() - began)
        return Exit.DONE

    def _welcome(self) -> None:
        self._console.print("cachemuster quickstart", style="bold")
        self._console.print(
            "cachemuster keeps a Teleport cluster's database list equal to the ElastiCache "
            "Serverless caches that exist in a company's AWS accounts. Here it works on a "
            "simulated AWS and with a simulated Teleport, both inside this process: no real "
            "account, cluster or credential is touched. Of each answer you see the lines that "
            "matter; -v shows all of it."
        )

    def _show_cloud(self) -> None:
        self._title("The cloud, the cluster and the configuration")
        world = self._aws.world
        caches = sum(
            len(region.caches) for one in world.accounts.values() for region in one.regions
        )
        self._print_text(
            f"{counted(len(world.accounts), 'account')}, {counted(caches, 'cache')}; tags say "
            "which are wanted. The agent has the keys of the first account, roles in the others, "
            "and the identity file of a bot, from which the cluster hides what is not its own."
        )
        self._console.print(_cloud_table(world))

    def _run_step(self, step: Step) -> Exit:
        self._title(step.title)
        self._print_text(step.why)
        step.change(self._aws)
        self._console.print(f"$ cachemuster {' '.join(step.command)}", style="bold cyan")
        answer = _Answer()
        stderr = io.StringIO()
        with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(stderr):
            exit_code = Exit(run((*self._options, *step.command)))
        lines = [*stderr.getvalue().splitlines(), *answer.getvalue().splitlines()]
        shown_lines = (
            lines
            if self._shows_all or exit_code is not step.exit_code
            else _select_lines(lines, step.shown)
        )
        sys.stdout.write("".join(f"{line}\n" for line in shown_lines))
        sys.stdout.flush()
        meaning = _EXIT_MEANINGS.get(exit_code, "not as it should be")
        self._console.print(f"exit {exit_code.value}: {meaning}", style="dim")
        return exit_code

    def _show_next_steps(self, seconds: float) -> None:
        self._title("Where the files are, and what to do next")
        directory = self._path.parent
        for what, file in (
            ("configuration", self._path),
            ("identity", directory / "identity"),
            ("state", directory / "cachemuster.db"),
        ):
            self._console.print(cell(f"{what:<16}{file}"), soft_wrap=True)
        shown_lines = _NEXT_STEPS.format(path=self._path, first=path_export_line(Path(sys.argv[0])))
        for line in shown_lines.splitlines():
            style = "bold cyan" if line.startswith("    ") else ""
            self._console.print(cell(line, style), soft_wrap=True)
        self._console.print(f"\nThe tour took {seconds:.0f} s.", style="dim")

    def _title(self, title: str) -> None:
        self._step += 1
        self._console.print()
        self._console.rule(f"{self._step}  {title}", align="left", style="dim")

    def _print_text(self, text: str) -> None:
        self._console.print(cell(text))


_NEXT_STEPS: Final = """
The cloud and the cluster are gone. The state remembers what was seen, done
and why:

{first}    export CACHEMUSTER_CONFIG={path}
    cachemuster status
    cachemuster history
    cachemuster explain wishlist

To play with such a cloud and cluster yourself, in another terminal:

    cachemuster sandbox

To look at your own account, in an empty directory and with the credentials
that the AWS CLI uses. An audit only reads:

    printf 'version: 1\\ngroup: trial\\n' > cachemuster.yaml
    cachemuster audit"""


class _Answer(io.StringIO):
    """Captures what a command prints, coloured as for the stream that the tour prints to."""

    def __init__(self) -> None:
        super().__init__()
        self._is_terminal = sys.stdout.isatty()

    def isatty(self) -> bool:
        """Whether the tour prints to a terminal."""
        return self._is_terminal


def _select_lines(lines: Sequence[str], shown: str) -> Iterator[str]:
    """Yield the lines that match, and the last."""
    last = max((number for number, line in enumerate(lines) if line.strip()), default=0)
    for number, line in enumerate(lines):
        if number == last or re.search(f"^ *({shown})", _COLOUR.sub("", line)):
            yield line


def path_export_line(called: Path) -> str:
    """Line that puts the program on PATH, for who called it by its path; else an empty text."""
    if called.name != "cachemuster" or shutil.which(called.name) is not None:
        return ""
    return f"    export PATH={shlex.quote(str(called.absolute().parent))}:$PATH\n"


def _console() -> Console:
    console = console_for(sys.stdout)
    console.width = min(console.width, _WIDTH)
    return console


def _cloud_table(world: World) -> Table:
    table = columns(10, 14, 14, None)
    members = world.organization.members if world.organization is not None else {}
    for account in world.accounts.values():
        for region in account.regions:
            names = ", ".join(cache.name for cache in region.caches.values())
            if names:
                called = members[account.id].name if account.id in members else ""
                place = (cell(called), cell(account.id), cell(region.place.name))
                table.add_row(*place, cell(names))
    return table

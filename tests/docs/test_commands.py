"""Every line of shell on the pages is run, or needs the real thing.

Which lines do is said on deploy/README.md. What these call of cachemuster is run all the same.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import EDITOR
from tests.docs.pages import DEPLOY, ROOT, invocations
from tests.support.page_shell import NotInstalled, PageShell
from tests.support.teleport_sweeps import TeleportAgent, agent

PAGES = {
    str(page.relative_to(ROOT)): page
    for page in (ROOT / "README.md", *sorted(DEPLOY.rglob("*.md")))
}
CONTENTS = (DEPLOY / "README.md").read_text("utf-8")
NEEDS_THE_REAL_THING = re.findall(
    "`([^`]+)`", CONTENTS.partition("They begin with")[2].partition("\n\n")[2].partition("\n\n")[0]
)
RUN_ELSEWHERE = {
    "cachemuster quickstart": "tests/contract/test_distribution.py",
    "cachemuster run": "tests/docs/test_service_commands.py",
    "curl -s http://127.0.0.1:9808": "tests/docs/test_service_commands.py",
    "curl -i http://127.0.0.1:9808": "tests/docs/test_service_commands.py",
    "curl -s --compressed": "tests/docs/test_service_commands.py",
    "promtool test rules": "tests/docs/test_monitoring.py",
}
WALKED = {
    ("deploy/leaving/README.md", ""): "tests/docs/test_deploy_leaving.py",
    ("deploy/from-teleport-discovery/README.md", ""): "tests/docs/test_deploy_from_discovery.py",
    ("deploy/teleport/users.md", ""): "tests/docs/test_deploy_login.py",
}
"""Pages, and sections of pages, all of whose lines another test runs in order."""
OFFLINE = {"config", "policies"}
"""Commands that can take the configuration of the page itself."""


def is_of(command: str, phrases: list[str] | dict[str, str]) -> bool:
    """Whether a command begins with one of the phrases, in whole words where it is one word."""
    program = command.split(maxsplit=1)[0].rpartition("/")[2]
    return any(program == each if " " not in each else command.startswith(each) for each in phrases)


def commands_in(line: str) -> list[str]:
    """Every simple command in a line, as text."""
    words = shlex.shlex(line, posix=True, punctuation_chars="&|;()")
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("&|;(){}"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [" ".join(each) for each in commands if each]


def blocks(name: str) -> Iterator[list[str]]:
    """The lines of each block of shell on a page, without those that are walked elsewhere."""
    text = PAGES[name].read_text("utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        if (name, "") in WALKED or (name, section.partition("\n")[0]) in WALKED:
            continue
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL):
            whole = re.sub(r"\\\n\s*", "", block)
            yield [line.strip() for line in whole.splitlines() if line.strip()]


def needs_the_real_thing(line: str) -> bool:
    return any(is_of(each, NEEDS_THE_REAL_THING) for each in commands_in(line))


@dataclass
class Reader:
    """Somebody who types what the pages say, each page in a directory of its own."""

    agent: TeleportAgent
    home: Path
    count: Counter[str] = field(default_factory=Counter)
    missing: set[str] = field(default_factory=set)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def read(self, name: str) -> None:
        """Run every line of a page."""
        here = self.home / name.replace("/", "-")
        shutil.copytree(DEPLOY, here / "deploy", ignore=shutil.ignore_patterns("*.png"))
        self.agent.cli.directory = here
        for block in blocks(name):
            self._begin(self.agent.cli.directory)
            for line in block:
                self._line(line, here)

    def _begin(self, here: Path) -> None:
        """Each block begins with the configuration of the sandbox, and no state."""
        for file in here.glob("cachemuster.db*"):
            file.unlink()
        for name in ("cachemuster.yaml", "identity", "operator.identity"):
            shutil.copy(self.home / name, here / name)

    def _line(self, line: str, here: Path) -> None:
        shell = PageShell(self.agent.cli, adapted=self._adapted)
        try:
            self._run(shell, line, here)
        except NotInstalled as error:
            self.missing.add(str(error))
        assert {code for _, code in shell.codes} <= {0}, (line, shell.codes)

    def _run(self, shell: PageShell, line: str, here: Path) -> None:
        if needs_the_real_thing(line):
            self.count["real"] += 1
            for words in invocations(line):
                is_run = is_of(f"cachemuster {words[0]}", RUN_ELSEWHERE)
                if not is_run and self._is_new(shlex.join(words)):
                    shell.cachemuster(words)
        elif is_of(line, RUN_ELSEWHERE):
            self.count["elsewhere"] += 1
        elif line.startswith("cd "):
            place = here / line.removeprefix("cd ")
            self.agent.cli.directory = place if place.is_dir() else here
        else:
            self.count["run"] += 1
            if self._is_new(line.removeprefix("cachemuster ")):
                shell.run(line)

    def _is_new(self, line: str) -> bool:
        """Whether it was not yet run with the configuration that is here now."""
        file = self.agent.cli.directory / "cachemuster.yaml"
        key = (file.read_text("utf-8") if file.exists() else "", line)
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    def _adapted(self, words: list[str]) -> list[str]:
        """Without a configuration that is not on this machine, or names a cluster that is not."""
        if "-c" not in words:
            return words
        place = words.index("-c")
        is_here = (self.agent.cli.directory / words[place + 1]).exists()
        return words if words[0] in OFFLINE and is_here else words[:place] + words[place + 2 :]


@pytest.mark.slow
def test_every_line_is_run_or_needs_the_real_thing(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.place_service("database-service", {"managed-by": "cachemuster"})
    with agent(tmp_path, cluster) as made:
        made.without_theirs()
        cluster.issue("alice", EDITOR).write(tmp_path / "operator.identity")
        assert made.cli.run("sweep").code == 0
        reader = Reader(made, tmp_path)
        for name in PAGES:
            reader.read(name)
    assert reader.count["run"] > 20
    assert reader.count["real"] > 100
    if reader.missing:
        pytest.skip(f"lines that need {', '.join(sorted(reader.missing))} were not run")


def test_other_tests_that_run_lines_are_there() -> None:
    assert all((ROOT / file).is_file() for file in (*WALKED.values(), *RUN_ELSEWHERE.values()))
    lines = [line for name in PAGES for block in blocks(name) for line in block]
    calls = [f"cachemuster {words[0]}" for line in lines for words in invocations(line)]
    for phrase in RUN_ELSEWHERE:
        assert any(is_of(each, {phrase: ""}) for each in (*lines, *calls)), phrase


@pytest.mark.parametrize(
    ("line", "is_real"),
    [
        ("sudo -u cachemuster cachemuster audit", True),
        ("id cachemuster || sudo useradd cachemuster", True),
        ("printf x | kubectl apply -f -", True),
        (".venv/bin/pip install .", True),
        ("cachemuster policies tbot -o tbot.yaml && tctl create -f tbot.yaml", True),
        ("cachemuster audit --identity-file tctl", False),
        ("cp deploy/docker/aws x", False),
        ("promtool test rules alerts.test.yaml", False),
        ("promtool query instant http://127.0.0.1:9090 up", True),
    ],
)
def test_what_needs_the_real_thing_is_known_by_its_command(line: str, *, is_real: bool) -> None:
    assert needs_the_real_thing(line) is is_real

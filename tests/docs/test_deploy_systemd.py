"""deploy/systemd: units that systemd takes without a word, and a page that fits them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from discovery.reports.exit import Exit
from tests.docs.pages import DEPLOY, invocations, named_files, parse, shell_lines

HERE = DEPLOY / "systemd"
README = (HERE / "README.md").read_text("utf-8")
SERVICE, SWEEP, TIMER = (
    "cachemuster.service",
    "cachemuster-sweep.service",
    "cachemuster-sweep.timer",
)
UNITS = (SERVICE, SWEEP, TIMER)
STATE = "/var/lib/cachemuster"
LONGEST_STOP_S = 10
"""Within this a signalled `run` has ended (design: the loop)."""
WORST_EXPOSURE = 15
"""In tenths, as `systemd-analyze security` counts: 0 is shut, 100 is open."""


def settings(unit: str, section: str = "Service") -> dict[str, list[str]]:
    """The settings of a section, each with all its values."""
    found: dict[str, list[str]] = {}
    text = (HERE / unit).read_text("utf-8")
    _, _, rest = text.partition(f"[{section}]\n")
    for line in re.split(r"^\[", rest, flags=re.MULTILINE)[0].splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def one(unit: str, key: str) -> str:
    (value,) = settings(unit)[key]
    return value


def installed(directory: Path) -> None:
    """The units and the drop-in as the page installs them, with a program that is there."""
    for unit in UNITS:
        text = (HERE / unit).read_text("utf-8")
        (directory / unit).write_text(text.replace("/opt/cachemuster/bin/cachemuster", "/bin/true"))
    for unit in (SERVICE, SWEEP):
        drop_ins = directory / f"{unit}.d"
        drop_ins.mkdir()
        shutil.copy(HERE / "credentials.conf", drop_ins)


def analyze(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: it comes with systemd")
    return subprocess.run(
        [program, *arguments],
        env={"SYSTEMD_UNIT_PATH": f"{directory}:", "SYSTEMD_COLORS": "0", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    installed(tmp_path)
    run = analyze(tmp_path, "verify", "--man=no", *UNITS)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_misspelt_setting_would_be_told(tmp_path: Path) -> None:
    """`verify` exits 0 all the same: what it writes counts."""
    installed(tmp_path)
    unit = tmp_path / SERVICE
    unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClok="))
    assert "Unknown key" in analyze(tmp_path, "verify", "--man=no", SERVICE).stderr


@pytest.mark.parametrize("unit", [SERVICE, SWEEP])
def test_a_unit_is_shut(tmp_path: Path, unit: str) -> None:
    installed(tmp_path)
    security = ("security", "--offline=true", "--no-pager")
    run = analyze(tmp_path, *security, f"--threshold={WORST_EXPOSURE}", str(tmp_path / unit))
    assert run.returncode == 0, run.stdout + run.stderr
    open_unit = tmp_path / unit
    open_unit.write_text("[Service]\nExecStart=/bin/true\n")
    shutil.rmtree(tmp_path / f"{unit}.d")
    assert analyze(tmp_path, *security, f"--threshold={WORST_EXPOSURE}", str(open_unit)).returncode


def test_both_services_are_shut_alike() -> None:
    """But for what only the long-running one needs."""
    service, sweep = settings(SERVICE), settings(SWEEP)
    common = ("Protect", "Private", "Restrict", "System", "Capab", "Ambient", "Memory", "Lock")
    own = {"RestartPreventExitStatus", "RestrictAddressFamilies"}
    for key, values in service.items():
        if key.startswith(common) and key not in own:
            assert sweep[key] == values, key
    assert one(SERVICE, "RestrictAddressFamilies") == "AF_INET AF_INET6 AF_UNIX"
    assert one(SWEEP, "RestrictAddressFamilies") == "AF_INET AF_INET6"
    assert sweep["ProcSubset"] == ["pid"]
    for key in (
        "RuntimeDirectory",
        "Environment",
        "User",
        "Group",
        "UMask",
        "StateDirectory",
        "EnvironmentFile",
    ):
        assert service[key] == sweep[key]


@pytest.mark.parametrize("unit", [SERVICE, SWEEP])
def test_a_unit_starts_what_the_page_installs(unit: str) -> None:
    program, command, option, file = one(unit, "ExecStart").split()
    assert command == ("run" if unit == SERVICE else "sweep")
    assert option == "--config"
    assert f" {file}\n" in README
    link, *_ = re.findall(r"ln -sfn (\S+) (\S+)\n", README)
    assert program == f"{link[1]}/bin/cachemuster"
    assert f"{STATE.rpartition('/')[2]}" == one(unit, "StateDirectory")
    assert f"useradd --system --home-dir {STATE}" in README


def test_the_program_that_a_unit_starts_takes_those_words() -> None:
    for unit in (SERVICE, SWEEP):
        words = one(unit, "ExecStart").split()[1:]
        assert parse(tuple(words)) == words[0]


def test_the_service_is_stopped_and_started_again_as_its_exits_ask_for() -> None:
    assert one(SERVICE, "Type") == "notify"
    assert int(one(SERVICE, "TimeoutStopSec")) > LONGEST_STOP_S
    assert one(SERVICE, "Restart") == "on-failure"
    kept_down = {int(code) for code in one(SERVICE, "RestartPreventExitStatus").split()}
    assert kept_down == {Exit.USAGE, Exit.CONFIG}
    assert one(SERVICE, "ExecReload") == "/bin/kill -HUP $MAINPID"
    assert settings(SERVICE, "Unit")["StartLimitIntervalSec"] == ["0"]


def test_every_exit_of_a_sweep_is_told_of() -> None:
    """Those of an audit, and of a stop that a person asked for, are not its business."""
    elsewhere = {Exit.PENDING, Exit.FINDINGS, Exit.INTERRUPTED, Exit.TERMINATED}
    expected = {int(code) for code in set(Exit) - elsewhere - {Exit.DONE}}
    table = README[README.index("| exit | what") :].partition("\n\n")[0]
    rows = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == expected
    unit = (HERE / SWEEP).read_text("utf-8")
    assert {int(code) for code in re.findall(r"^#   ([0-9]+) ", unit, re.MULTILINE)} == expected
    assert "SuccessExitStatus" not in settings(SWEEP)


def test_the_timer_starts_the_sweep() -> None:
    parser = configparser.ConfigParser(strict=True)
    parser.read(HERE / TIMER)
    assert parser["Timer"]["OnCalendar"] == "*:0/10"
    assert TIMER.removesuffix(".timer") == SWEEP.removesuffix(".service")
    assert "OnSuccess" not in (HERE / SWEEP).read_text("utf-8")


def test_a_credential_is_where_the_configuration_is_told_to_look() -> None:
    text = (HERE / "credentials.conf").read_text("utf-8")
    (name, source) = re.findall(r"^LoadCredential=([^:]+):(\S+)$", text, re.MULTILINE)[0]
    assert f"file:/run/credentials/{SERVICE}/{name}" in README
    assert source in README
    for unit in (SERVICE, SWEEP):
        assert f"file:/run/credentials/{unit}/{name}" in text


def test_the_page_tells_of_every_file_and_installs_it() -> None:
    files = {file.name for file in HERE.iterdir()} - {"README.md"}
    assert named_files(README.replace("`/etc/systemd/system/`", "")) == files
    for file in files:
        assert any(f"deploy/systemd/{file}" in line for line in shell_lines(README)), file


def test_the_page_walks_from_nothing_to_running_and_back() -> None:
    walk = ["venv", "useradd", "config check", "doctor", "audit", "enable --now", "/readyz"]
    place = README.index("## 2.")
    for step in (*walk, "## Upgrade", "## Undo", "disable --now"):
        place = README.index(step, place)
    called = {words[0] for line in shell_lines(README) for words in invocations(line)}
    assert {"config", "doctor", "audit", "status", "version"} <= called

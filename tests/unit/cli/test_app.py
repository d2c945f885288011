"""The command line itself: exit codes for what never reaches a sweep."""

import json
from importlib import metadata
from pathlib import Path

import click
import pytest

from discovery.cli import app, version
from discovery.cli.app import COMMANDS, run
from discovery.cli.start import command_name


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CACHEMUSTER_CONFIG", raising=False)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nope"], id="no-such-command"),
        pytest.param(["version", "--nope"], id="no-such-option"),
        pytest.param(["status", "--format", "xml"], id="no-such-format"),
        pytest.param(["sweep", "--only", "12"], id="not-a-scope"),
        pytest.param(["sweep", "--only", "111122223333/moon"], id="not-a-region"),
        pytest.param(["sweep", "--shard", "3/3"], id="not-a-shard"),
        pytest.param(["sweep", "--allow-mass-removal", "0"], id="not-a-number-of-removals"),
        pytest.param(["sweep", "--checksum", "abc"], id="not-a-checksum"),
        pytest.param(["sweep", "--lock-timeout", "soon"], id="not-a-duration"),
        pytest.param(["audit", "--fail-on", "info"], id="not-a-severity"),
        pytest.param(["audit", "extra"], id="an-argument-too-many"),
        pytest.param(["config"], id="half-a-command"),
    ],
)
def test_a_mistyped_command_is_exit_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    assert capsys.readouterr().out == ""


def test_a_mistyped_command_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["\x1b[2J"]) == 64
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sweep", "audit", "status", "export"])
def test_without_a_configuration_it_says_how_to_make_one(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert "`version: 1`" in said.err
    assert "CACHEMUSTER_CONFIG" in said.err


def write(name: str, text: str) -> Path:
    file = Path(name)
    file.write_text(text)
    return file


def test_every_mistake_of_a_configuration_is_named_at_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("bad.yaml", "version: 1\ngroup: x\npolcy: sync\naws: {concurrency: many}\n")
    assert run(["config", "check", "-c", "bad.yaml"]) == 78
    said = capsys.readouterr().err
    assert "bad.yaml:3:" in said
    assert "did you mean policy?" in said
    assert "bad.yaml:4:" in said


def test_every_file_that_is_named_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    write("good.yaml", "version: 1\ngroup: good\n")
    write("bad.yaml", "version: 1\ngroup: x\npolcy: sync\n")
    write("worse.yaml", "version: 2\n")
    assert run(["config", "check", "bad.yaml", "good.yaml", "worse.yaml"]) == 78
    said = capsys.readouterr()
    assert said.out.startswith("good.yaml is valid: group good,")
    assert "bad.yaml:3:1: polcy" in said.err
    assert "worse.yaml:1:" in said.err
    assert run(["config", "check", "good.yaml"]) == 0


def test_configurations_are_named_in_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    write("good.yaml", "version: 1\ngroup: good\n")
    assert run(["config", "check", "-c", "good.yaml", "good.yaml"]) == 64
    assert "either by -c or as FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "arguments", "group"),
    [
        pytest.param(None, ["config", "check"], "usual", id="the-usual-file"),
        pytest.param("env.yaml", ["config", "check"], "env", id="the-environment"),
        pytest.param("env.yaml", ["-c", "mine.yaml", "config", "check"], "mine", id="before"),
        pytest.param("env.yaml", ["config", "check", "-c", "mine.yaml"], "mine", id="after"),
        pytest.param(
            None, ["-c", "nope", "config", "-c", "no", "check", "-c", "mine.yaml"], "mine",
            id="the-last-wins",
        ),
    ],
)  # fmt: skip
def test_which_configuration(
    environment: str | None,
    arguments: list[str],
    group: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("cachemuster.yaml", "version: 1\ngroup: usual\n")
    write("env.yaml", "version: 1\ngroup: env\n")
    write("mine.yaml", "version: 1\ngroup: mine\n")
    if environment:
        monkeypatch.setenv("CACHEMUSTER_CONFIG", environment)
    assert run(arguments) == 0
    assert f"group {group}," in capsys.readouterr().out


def test_status_works_before_the_first_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    write("cachemuster.yaml", "version: 1\ngroup: usual\n")
    assert run(["status", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["last_sweep"] is None
    assert not Path("cachemuster.db").exists()


def test_a_damaged_state_file_is_said_and_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write("cachemuster.yaml", "version: 1\ngroup: usual\n")
    state = write("cachemuster.db", "this is no database" * 100)
    assert run(["status"]) == 1
    assert "cachemuster.db" in capsys.readouterr().err
    assert state.read_text() == "this is no database" * 100


def test_an_unwritable_report_is_found_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("cachemuster.yaml", "version: 1\ngroup: usual\n")
    assert run(["sweep", "-o", "missing/report.json"]) == 64
    assert "Nothing was started" in capsys.readouterr().err
    assert [file.name for file in Path().iterdir()] == ["cachemuster.yaml"]


def test_the_schema_goes_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema", "-o", "schema.json"]) == 0
    assert "properties" in json.loads(Path("schema.json").read_text())
    assert capsys.readouterr().out == ""


def test_version_names_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version"]) == 0
    lines = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["cachemuster"] == metadata.version("cachemuster")
    assert list(lines) == ["cachemuster", "python", "aioboto3", "botocore", "sqlite"]


def test_what_nobody_expected_is_exit_1_and_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("x\x1b[2Jy")

    monkeypatch.setattr(app.cachemuster, "main", broken)
    assert run(["version"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "report" in said
    assert "\x1b" not in said


def test_ctrl_c_before_a_sweep_is_exit_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app.cachemuster, "main", stopped)
    assert run(["version"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_ctrl_c_leaves_nothing_but_json_where_json_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(version, "command", click.Command("version", callback=stopped))
    assert run(["--log-format", "json", "version"]) == 130
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["text"] == "Interrupted."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_three_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    said = capsys.readouterr().out
    examples = said.partition("Examples:")[2]
    assert examples.count("cachemuster") >= 3
    assert "--log-format" in said
    assert max(len(line) for line in said.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["run"], "run"),
        (["-v", "-c", "run", "--log-format", "json", "run", "--shard", "0/3"], "run"),
        (["--config=c.yaml", "run"], "run"),
        (["history", "--cache", "run"], "history"),
        (["-c", "run"], None),
        ([], None),
    ],
)
def test_the_command_is_known_before_the_libraries(
    arguments: list[str], command: str | None
) -> None:
    assert command_name(arguments) == command

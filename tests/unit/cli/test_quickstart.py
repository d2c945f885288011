"""The tour tells its whole story, and what it is not to do."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from discovery.cli.app import run
from discovery.cli.tour import STEPS, path_export_line
from tests.support.command_line import SCRIPT, bare_environment

README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")


MISLEADING = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "CACHEMUSTER_CONFIG": "/nowhere.yaml",
}
"""What could lead the tour astray."""


def part(text: str, title: str) -> str:
    """What stands under one heading."""
    return text.partition(f"  {title}")[2].partition("\n")[2].partition("───")[0]


def check_tour(out: str, directory: Path) -> None:
    """The tour, taken once from the wheel (contract/test_distribution), from all sides."""
    every_step_is_shown_with_its_reason(out)
    the_story_is_true(out)
    it_is_what_a_person_reads(out)
    readme_quotes_it(out)
    it_fits_80_columns(out, directory)
    the_files_it_names_are_there(out, directory)
    what_it_proposes_works(directory)


def every_step_is_shown_with_its_reason(out: str) -> None:
    flat = " ".join(out.split())
    for step in STEPS:
        assert step.title in flat
        assert step.why in flat
        assert f"$ cachemuster {' '.join(step.command)}" in flat


def the_story_is_true(out: str) -> None:
    audit = part(out, "An audit")
    assert "7 would be created" in audit
    assert "through the Proxy Service at 127.0.0.1:" in audit
    assert "No Database Service" not in out
    assert "7 created" in part(out, "A first sweep")
    assert "nothing to change" in part(out, "A second sweep")
    assert "+ create    wishlist" in part(out, "A cache appears")
    dark = part(out, "A region fails")
    assert "3 scopes unread" in dark
    assert "- delete" not in dark
    assert "exit 3" in dark
    assert "? held      orders" in part(out, "A cache is deleted")
    assert "- delete    orders" in part(out, "Then it is removed")
    login = part(out, "Do people get in?")
    assert "wishlist · shop 222233334444/eu-central-1 · as teleport-checkout" in login
    assert "3 logins to 3 caches" in login
    assert "3 proved" in login


def it_is_what_a_person_reads(out: str) -> None:
    """It scrolled 430 lines by."""
    assert len(out.splitlines()) < 150
    assert "-v shows all of it" in " ".join(out.split())


def readme_quotes_it(out: str) -> None:
    """Lines of the output, in their order, though not all of them; clock times differ."""
    (quoted,) = re.findall(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    shown = iter(without_times(out))
    assert [line for line in without_times(quoted) if line not in shown] == []


def without_times(text: str) -> list[str]:
    return re.sub(r"\b\d\d:\d\d\b", "HH:MM", text).splitlines()


def it_fits_80_columns(out: str, directory: Path) -> None:
    reported = ("Cluster ", str(directory))  # what every sweep says of the cluster, and paths
    lines = [line for line in out.splitlines() if not any(each in line for each in reported)]
    assert max(len(line) for line in lines) <= 80


def the_files_it_names_are_there(out: str, directory: Path) -> None:
    for name in ("cachemuster.yaml", "cachemuster.db", "identity"):
        assert (directory / name).exists()
        assert str(directory / name) in out
    for name in ("external-id", "identity", "operator.identity"):
        assert (directory / name).stat().st_mode & 0o777 == 0o600


def what_it_proposes_works(directory: Path) -> None:
    environment = {**bare_environment(), "CACHEMUSTER_CONFIG": str(directory / "cachemuster.yaml")}
    proposed = (
        (("status",), "7 registrations"),
        (("history",), "orders"),
        (("explain", "wishlist"), "keep"),
    )
    for command, shown in proposed:
        done = subprocess.run(
            [*SCRIPT, *command], env=environment, capture_output=True, text=True, check=True
        )
        assert shown in done.stdout


def test_who_calls_it_by_its_path_is_told_how_a_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README's first command: what the tour proposes next was not found."""
    called = tmp_path / "a b" / "cachemuster"
    called.parent.mkdir()
    called.touch(mode=0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    assert path_export_line(called) == f"    export PATH='{tmp_path}/a b':$PATH\n"
    assert path_export_line(tmp_path / "__main__.py") == ""
    monkeypatch.setenv("PATH", str(called.parent))
    assert path_export_line(called) == ""


def test_a_directory_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    assert run(["quickstart", "--keep", str(tmp_path)]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert "is not empty" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_place_that_cannot_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    assert run(["quickstart", "--keep", str(tmp_path / "mine" / "below")]) == 64
    assert "cannot be used" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{' '.join(SCRIPT)} quickstart --keep {tmp_path / 'new'} | head -3"
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", command], env=bare_environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3
    assert time.monotonic() - began < 60

"""The tour tells its whole story, by itself, and touches nothing else."""

import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from discovery.cli.tour import STEPS
from tests.unit.cli.rig import SCRIPT, bare_environment

pytestmark = pytest.mark.xdist_group("tour")  # one process, so that it is taken once


def take_the_tour(directory: Path, *options: str, **environment: str) -> tuple[int, str, str]:
    command = [*SCRIPT, "quickstart", "--keep", str(directory), *options]
    done = subprocess.run(
        command,
        env={**bare_environment(), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The tour, taken once with everything set that could lead it astray."""
    directory = tmp_path_factory.mktemp("tour") / "new"
    code, out, err = take_the_tour(
        directory,
        AWS_PROFILE="nobody",
        AWS_ENDPOINT_URL_STS="http://127.0.0.1:1",
        HTTP_PROXY="http://127.0.0.1:1",
        http_proxy="http://127.0.0.1:1",
        CACHEMUSTER_CONFIG="/nowhere.yaml",
    )
    assert (code, err) == (0, ""), out + err
    return directory, out


def part(text: str, title: str) -> str:
    """What stands under one heading."""
    return text.partition(f"  {title}")[2].partition("\n")[2].partition("───")[0]


def test_every_step_is_shown_with_its_reason(tour: tuple[Path, str]) -> None:
    flat = " ".join(tour[1].split())
    for step in STEPS:
        assert step.title in flat
        assert step.why in flat
        assert f"$ cachemuster {' '.join(step.command)}" in flat


def test_the_story_is_true(tour: tuple[Path, str]) -> None:
    text = tour[1]
    assert "7 would be created" in part(text, "An audit")
    assert "7 created" in part(text, "A first sweep")
    assert "nothing to change" in part(text, "A second sweep")
    assert "+ create    wishlist" in part(text, "A cache appears")
    dark = part(text, "A region fails")
    assert "3 scopes unread" in dark
    assert "- delete" not in dark
    assert "exit 3" in dark
    assert "? held      orders" in part(text, "A cache is deleted")
    assert "- delete    orders" in part(text, "Then it is removed")


def test_it_fits_80_columns(tour: tuple[Path, str]) -> None:
    directory, text = tour
    lines = [line for line in text.splitlines() if str(directory) not in line]
    assert max(len(line) for line in lines) <= 80


def test_the_files_it_names_are_there(tour: tuple[Path, str]) -> None:
    directory, text = tour
    for name in ("cachemuster.yaml", "cachemuster.db", "registry.db"):
        assert (directory / name).exists()
        assert str(directory / name) in text
    assert (directory / "external-id").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(directory / "registry.db") as registry:
        tables = registry.execute("select count(*) from sqlite_master").fetchone()
    registry.close()
    assert tables[0] > 0


def test_what_it_proposes_works(tour: tuple[Path, str]) -> None:
    environment = {**bare_environment(), "CACHEMUSTER_CONFIG": str(tour[0] / "cachemuster.yaml")}
    for command, shown in ((("status",), "7 registrations"), (("export", "--registered"), "kind")):
        done = subprocess.run(
            [*SCRIPT, *command], env=environment, capture_output=True, text=True, check=True
        )
        assert shown in done.stdout


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    code, out, err = take_the_tour(tmp_path)
    assert (code, out) == (64, "")
    assert "is not empty" in err
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_place_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    code, _, err = take_the_tour(tmp_path / "mine" / "below")
    assert code == 64
    assert "cannot be used" in err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{' '.join(SCRIPT)} quickstart --keep {tmp_path / 'new'} | head -3"
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", command], env=bare_environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3
    assert time.monotonic() - began < 60

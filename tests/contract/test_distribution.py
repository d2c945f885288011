"""The source distribution and the wheel: whole, of one version, and run by themselves.

Built once, the wheel from the source distribution, as the release workflow does. Nothing is
downloaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.unit.cli.test_quickstart import MISLEADING, check_tour

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("distribution"),
    pytest.mark.skipif(
        find_spec("hatchling") is None, reason="hatchling is not installed: it comes with `dev`"
    ),
]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
PACKAGES = ("discovery", "matchers", "state")
SOURCES = frozenset(
    str(file.relative_to(ROOT))
    for package in PACKAGES
    for file in (ROOT / package).rglob("*")
    if file.is_file() and file.parent.name != "__pycache__"
)


@dataclass(frozen=True)
class Built:
    """Both distributions, and an environment with the wheel and nothing of the source tree."""

    sdist: Path
    wheel: Path
    programs: Path
    home: Path
    """Where a program runs: empty at first, and home to whoever runs it."""

    def run(self, *command: str, **environment: str) -> str:
        """Run a program of the environment. Returns what it prints."""
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [self.programs / command[0], *command[1:]],
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=550,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout


def _call(*command: str | Path, cwd: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    work = tmp_path_factory.mktemp("distribution")
    _call("hatchling", "build", "-t", "sdist", "-d", work / "dist", cwd=ROOT)
    (sdist,) = (work / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    _call("hatchling", "build", "-t", "wheel", "-d", work / "dist", cwd=work / sdist.name[:-7])
    (wheel,) = (work / "dist").glob("*.whl")
    venv.create(work / "venv", with_pip=False, symlinks=True)
    python = work / "venv" / "bin" / "python"
    options = ("--no-deps", "--no-index", "--no-compile", "--quiet")
    _call("pip", "--python", python, "install", *options, wheel, cwd=work)
    (site,) = (work / "venv" / "lib").glob("*/site-packages")
    # The libraries of this environment, without its own .pth files: no source tree comes in.
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    home = work / "home"
    home.mkdir()
    return Built(sdist, wheel, python.parent, home)


def _metadata(text: bytes) -> Mapping[str, str]:
    return dict(Parser().parsestr(text.decode()).items())


def test_the_wheel_has_every_file_of_the_packages_and_no_other(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        described = f"cachemuster-{VERSION}.dist-info"
        metadata = _metadata(archive.read(f"{described}/METADATA"))
        licence = archive.read(f"{described}/licenses/LICENSE")
        entry_points = archive.read(f"{described}/entry_points.txt").decode()
    assert {name for name in names if not name.startswith(described)} == SOURCES
    assert {Path(name).suffix for name in names} >= {
        ".html",
        ".css",
        ".js",
        ".json",
        ".sh",
        ".typed",
    }
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert (metadata["Name"], metadata["Version"]) == ("cachemuster", VERSION)
    assert metadata["License-Expression"] == PROJECT["license"]
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert re.findall(r"^cachemuster = (\S+)$", entry_points, re.MULTILINE) == [
        PROJECT["scripts"]["cachemuster"]
    ]


def test_the_source_distribution_is_the_repository(built: Built) -> None:
    """With the tests, so that whoever packages it can run them."""
    with tarfile.open(built.sdist) as archive:
        names = {each.name.partition("/")[2] for each in archive.getmembers()}
    assert names >= SOURCES | {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"}
    if not (ROOT / ".git").exists():
        pytest.skip("which files belong to the repository, only git knows")
    command = ["git", "-C", str(ROOT), "ls-files"]
    tracked = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    there = {name for name in tracked if name and (ROOT / name).is_file()}
    assert there - names == set()


def test_every_way_to_ask_names_one_version(built: Built) -> None:
    asked = built.run("cachemuster", "--version")
    assert asked == f"cachemuster {VERSION}\n"
    assert built.run("cachemuster", "version").splitlines()[0] == f"cachemuster {VERSION}"
    assert built.run("python", "-m", "discovery", "--version") == asked
    place = built.run("python", "-c", "import discovery; print(discovery.__path__[0])")
    assert place.startswith(str(built.programs.parent)), "the source tree was run"
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.timeout(600)
def test_quickstart_runs_from_the_wheel_for_somebody_who_has_nothing(built: Built) -> None:
    directory = built.home / "new"
    shown = built.run("cachemuster", "quickstart", "--keep", str(directory), **MISLEADING)
    check_tour(shown, directory)
    assert list(built.home.iterdir()) == [directory]

"""deploy/docker: what of an image can be shown without a daemon that builds it."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import botocore
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from discovery.aws.sdk_session import SDK_NAMES, SERVICES
from discovery.aws.session import _METHODS
from discovery.cli.settings import VARIABLE
from discovery.config.service import Service
from tests.docs.pages import DEPLOY, ROOT, named_files, parse, shell_lines

HERE = DEPLOY / "docker"
README = (HERE / "README.md").read_text("utf-8")
DOCKERFILE = HERE / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
IMAGE = f"cachemuster:{PROJECT['version']}"
PORT = Service().listen.port
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Every instruction with its arguments on one line, in order."""
    lines = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if line.strip()]
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined)]


def last_stage() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rest in instructions():
        if name == "FROM":
            found = {}
        found.setdefault(name, []).append(rest)
    return found


def only(name: str) -> str:
    (rest,) = last_stage()[name]
    return rest


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed: it comes with the extra `dev` on Linux, x86-64")
    return subprocess.run(
        [linter, "--no-color", str(file)], capture_output=True, text=True, check=False
    )


def test_hadolint_has_nothing_to_say() -> None:
    run = lint(DOCKERFILE)
    assert (run.returncode, run.stdout) == (0, "")


def test_hadolint_tells_of_a_base_that_is_not_pinned(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text(DOCKERFILE.read_text("utf-8").replace("${RUN}", "debian"))
    assert "DL3006" in lint(broken).stdout


def test_both_stages_are_of_one_debian_whose_python_the_project_takes() -> None:
    """So that the interpreter of the environment is where the second stage has one."""
    bases = dict(rest.split("=") for name, rest in instructions() if name == "ARG")
    assert bases == {
        "BUILD": "debian:12-slim",
        "RUN": "gcr.io/distroless/python3-debian12:nonroot",
    }
    assert SpecifierSet(PROJECT["requires-python"]).contains("3.11.2")
    stages = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert stages == ["${BUILD}", "${RUN}"]


def test_what_is_copied_is_there_and_let_in() -> None:
    ignore = (HERE / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    copied: set[str] = set()
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    assert copied == let_in
    assert all((ROOT / each).exists() for each in copied)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = packages["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= copied


def test_the_image_runs_the_service_as_nobody_in_particular() -> None:
    user = re.fullmatch(r"(\d+):(\d+)", only("USER"))
    assert user is not None
    assert int(user[1]) >= 10_000
    (volume,) = json.loads(only("VOLUME"))
    assert only("WORKDIR") == volume
    state = f"--from=build --chown={user[0]} /rootfs {Path(volume).parent}"
    assert last_stage()["COPY"][1] == state
    assert ("RUN", f"install -d -m 0700 /rootfs/{Path(volume).name}") in instructions()
    assert only("STOPSIGNAL") == "SIGTERM"
    assert only("EXPOSE") == str(PORT)
    (program,) = json.loads(only("ENTRYPOINT"))
    assert program in PROJECT["scripts"]
    assert parse(tuple(json.loads(only("CMD")))) == "run"
    assert f"{VARIABLE}=/etc/cachemuster/cachemuster.yaml" in only("ENV")


def test_the_last_stage_has_the_environment_and_runs_nothing() -> None:
    """There is no shell that could; and the environment is made without pip."""
    assert "RUN" not in last_stage()
    made = "python3 -m venv --without-pip /opt/cachemuster"
    assert any(name == "RUN" and made in rest for name, rest in instructions())
    assert last_stage()["COPY"][0] == "--from=build /opt/cachemuster /opt/cachemuster"
    assert "PATH=/opt/cachemuster/bin:/usr/bin" in only("ENV")


def test_versions_are_those_of_the_project() -> None:
    assert f'image.version="{PROJECT["version"]}"' in only("LABEL")
    assert f"--tag {IMAGE} ." in DOCKERFILE.read_text("utf-8")
    assert f"--tag {IMAGE} ." in README
    assert f'image.licenses="{PROJECT["license"]}"' in only("LABEL")


def test_every_library_is_pinned_to_a_version_that_the_project_takes() -> None:
    """A new dependency gets a pin too: the head of constraints.txt says how they are made."""
    text = (HERE / "constraints.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, re.MULTILINE))
    named = {re.sub(r"[-_.]+", "-", name).lower(): pin for name, pin in pins.items()}
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        pin = named.get(re.sub(r"[-_.]+", "-", wanted.name).lower())
        assert pin is not None, f"{wanted.name} has no pin in constraints.txt"
        assert wanted.specifier.contains(pin), f"{wanted} is not met by {pin}"


CLIENTS = """
import json, sys
import botocore.session
assert botocore.__file__.startswith(sys.argv[1]), botocore.__file__
session = botocore.session.get_session()
for service, methods in json.loads(sys.argv[2]).items():
    client = session.create_client(
        service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    assert all(hasattr(client, method) for method in methods), service
"""


@pytest.mark.slow
def test_what_is_left_of_the_sdk_makes_every_call(tmp_path: Path) -> None:
    """A copy of it, pruned as in the image: every client is made and has every method."""
    whole = Path(botocore.__file__).parent
    copy = tmp_path / "botocore"
    shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("__pycache__"))
    image = runpy.run_path(str(HERE / "prune.py"))
    image["prune"](copy / "data")
    assert len(list((copy / "data").iterdir())) < 30 < len(list((whole / "data").iterdir()))
    calls: dict[str, list[str]] = {}
    for service, method in _METHODS.values():
        calls.setdefault(SDK_NAMES.get(service, service), []).append(method)
    others = image["OTHERS"]
    assert calls.keys() <= {SDK_NAMES.get(each, each) for each in SERVICES} | others
    run = subprocess.run(
        [sys.executable, "-c", CLIENTS, str(tmp_path), json.dumps(calls)],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on loopback that answers its only visitor."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    yield server.server_port
    thread.join()
    server.server_close()


def probe(port: int) -> int:
    """The exit code of the health check, with that port for its own."""
    rest = only("HEALTHCHECK")
    program, *arguments = json.loads(rest[rest.index("CMD ") + 4 :])
    assert program == "python"
    command = [each.replace(f"'127.0.0.1', {PORT}", f"'127.0.0.1', {port}") for each in arguments]
    assert command != arguments
    environment = {"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:1"}
    run = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, check=False
    )
    return run.returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_asks_the_service(status: int, code: int) -> None:
    with answering(status) as port:
        assert probe(port) == code


def test_the_health_check_is_red_when_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert probe(taken.getsockname()[1]) == 1


def runs() -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """Every `docker run` of the page: its options, and what the program is called with."""
    for line in shell_lines(README):
        words = shlex.split(line)
        if words[:2] == ["docker", "run"]:
            place = words.index(IMAGE)
            yield words[2:place], tuple(words[place + 1 :])


def test_every_container_of_the_page_is_shut_and_runs_a_command() -> None:
    commands = {parse(words or ("run",)) for _, words in runs()}
    assert commands == {"version", "quickstart", "doctor", "audit", "run", "sweep"}
    for options, words in runs():
        assert "--read-only" in options
        assert ("--no-healthcheck" in options) == bool(words)
        if "none" not in options:
            assert {"--cap-drop", "ALL", "no-new-privileges"} <= set(options)
            assert options[options.index("--tmpfs") + 1] == "/tmp"
            assert "/var/lib/cachemuster:/var/lib/cachemuster" in options


def test_the_page_tells_of_every_file() -> None:
    assert named_files(README) == {file.name for file in HERE.iterdir()} - {"README.md"}

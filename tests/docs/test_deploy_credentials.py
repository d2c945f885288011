"""deploy/credentials: what `doctor` shows is what the page says, for each kind of credentials."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from discovery.sandbox.aws.keys import Key, new_token
from tests.docs.pages import DEPLOY
from tests.support.command_line import HUB, MEMBER, CommandLine, cli

PAGE = (DEPLOY / "credentials" / "README.md").read_text("utf-8")
ROLE = f"arn:aws:iam::{HUB}:role/cachemuster"
SUBJECT = "system:serviceaccount:cachemuster:cachemuster"
TOKEN_FILE = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
CONFIGURATION = f"""\
version: 1
group: prod
aws:
  regions: [eu-central-1]
  accounts:
  - {{id: "{HUB}"}}
  - {{id: "{MEMBER}", role_arn: "arn:aws:iam::{MEMBER}:role/cachemuster"}}
"""
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|(?<=botocore-session-)\d+")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[CommandLine]:
    """An account with the agent's role, and another one that trusts it; nobody has credentials."""
    with cli(tmp_path, configuration=CONFIGURATION) as here:
        here.aws.world.account(HUB).add_role("cachemuster", trusted=[SUBJECT])
        here.aws.world.account(MEMBER).add_role("cachemuster", trusted=[HUB])
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del here.environment[name]
        nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        here.environment |= {"COLUMNS": "1000", **nowhere}
        yield here


@contextmanager
def instance(made: CommandLine) -> Iterator[None]:
    """The metadata service of an instance that has the role."""
    key = made.aws.world.account(HUB).add_key("cachemuster")
    session = made.aws.world.keys.add(
        replace(
            key,
            principal_arn=f"arn:aws:sts::{HUB}:assumed-role/cachemuster/i-0123456789abcdef0",
            role_arn=ROLE,
            token=new_token(),
            expires_at=datetime.now(UTC) + timedelta(hours=6),
        )
    )
    with metadata_service(session) as url:
        made.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url
        del made.environment["AWS_EC2_METADATA_DISABLED"]
        yield


@contextmanager
def metadata_service(session: Key) -> Iterator[str]:
    """Version 2 of it: a token is asked for by PUT, and sent with everything else."""
    assert session.expires_at is not None
    document = {
        "Code": "Success",
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret,
        "Token": session.token,
        "Expiration": session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

    class Metadata(BaseHTTPRequestHandler):
        def _answer(self, text: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_PUT(self) -> None:
            self._answer("token" if self.path == "/latest/api/token" else "")

        def do_GET(self) -> None:
            if self.headers["x-aws-ec2-metadata-token"] != "token":
                self._answer("", 401)
            elif self.path.endswith("/security-credentials/"):
                self._answer("cachemuster")
            else:
                self._answer(json.dumps(document))

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def web_identity(made: CommandLine) -> Iterator[None]:
    """The token that Kubernetes mounts."""
    file = made.directory / "token"
    file.write_text(made.aws.world.issue_web_identity(SUBJECT), "utf-8")
    made.environment |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": ROLE}
    yield


@contextmanager
def environment(made: CommandLine) -> Iterator[None]:
    """Keys of a user."""
    key = made.aws.world.account(HUB).add_key("cachemuster")
    made.environment |= {
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    yield


WAYS: dict[str, Callable[[CommandLine], object]] = {
    "Instance metadata": instance,
    "Web identity (IRSA)": web_identity,
    "Environment": environment,
}


def shown_on_the_page(title: str) -> str:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```text\n(.*?)\n```", section, re.DOTALL)
    return TIME.sub("…", block)


@pytest.mark.parametrize("title", WAYS)
def test_doctor_shows_what_the_page_says(made: CommandLine, title: str) -> None:
    with WAYS[title](made):  # type: ignore[attr-defined]
        run = made.run("doctor")
    assert run.code == 0, run
    lines = TIME.sub("…", run.out).replace(str(made.directory / "token"), TOKEN_FILE).splitlines()
    assert shown_on_the_page(title) in lines, run.out
    assert shown_on_the_page("From the agent's role to the others") in lines, run.out

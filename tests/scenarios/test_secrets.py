"""No secret is in a document, a page, the log, or state, whatever a command is asked to show.

Everything is run at `-vv`. The exceptions are two and deliberate: `export` prints the external id
of a connect role, because `tctl` has to be given it, and the control plane holds it.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import signal
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import pytest

from discovery.config.secrets import Secret
from discovery.policies.kinds import KINDS
from discovery.sandbox.teleport.changes import Edit
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.identity import Identity
from discovery.sandbox.teleport.roles import EDITOR, Role, bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.command_line import Run
from tests.support.scenario import FRANKFURT, HUB, MEMBER, Scenario
from tests.support.service_process import service_process

pytestmark = pytest.mark.slow

GIVEN = {"identity", "operator", "connect-external-id", "web-ca.pem"}
"""Files that hold secrets because somebody put them there."""
EVERYTHING = Role.of("everything", db_labels={"*": "*"}, rules={"db": ["*"]})


def new_external_id() -> str:
    """One with characters that every encoding treats in its own way."""
    return f"eid+{secrets.token_hex(12)}/=,.@:-"


@dataclass
class Hunt:
    """What is looked for, in all the ways in which it may be written."""

    secrets: dict[str, str]

    def within(self, text: str | bytes) -> set[str]:
        """The names of those secrets that are in the text."""
        found = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return {
            name
            for name, secret in self.secrets.items()
            if any(form in found for form in _forms(secret))
        }


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")
    yield secret.encode().hex().encode()


def private_key(identity: Identity) -> Iterator[str]:
    """The lines of the private key in an identity file."""
    (body,) = re.findall(r"BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", identity.text, re.DOTALL)
    yield from (line for line in body.splitlines() if len(line) >= 32)


@dataclass
class TeleportAgent:
    """A fleet whose every part has a secret."""

    scenario: Scenario
    cluster: Cluster
    member_id: str
    connect_id: str
    identities: list[Identity]

    def issued(self, file: str, user: str, *roles: str | Role) -> None:
        identity = self.cluster.issue(user, *roles)
        identity.write(self.scenario.directory / file)
        self.identities.append(identity)

    @property
    def hunt(self) -> Hunt:
        """Every secret there has been until now."""
        world = self.scenario.aws.world
        wanted = {"external id of the member": self.member_id, "connect": self.connect_id}
        for key in world.keys._keys.values():
            wanted[f"secret key of {key.access_key_id}"] = key.secret
            if key.token is not None:
                wanted[f"session token of {key.access_key_id}"] = key.token
        for number, identity in enumerate(self.identities):
            lines = enumerate(private_key(identity))
            wanted |= {f"private key {number}, line {at}": line for at, line in lines}
        return Hunt(wanted)

    def run(self, *arguments: str, **environment: str) -> Run:
        """One command at `-vv`, with logs as in a process of its own."""
        with patch.object(logging.getLogger(), "handlers", []):
            run = self.scenario.cli.run(
                "-vv", *arguments, **self.scenario.environment | environment
            )
        assert "Traceback" not in run.err, run
        return run

    def left_behind(self) -> Mapping[str, bytes]:
        """Every file that is there now and was not put there."""
        return {
            name: content
            for name, content in self.scenario.files().items()
            if Path(name).name not in GIVEN
        }


@contextmanager
def agent(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Iterator[TeleportAgent]:
    member = scenario.aws.world.account(MEMBER, regions=(FRANKFURT,))
    made = TeleportAgent(scenario, Cluster(), new_external_id(), new_external_id(), [])
    role = member.add_role("cachemuster", trusted=[HUB], external_id=made.member_id)
    scenario.environment["MEMBER_EXTERNAL_ID"] = made.member_id
    file = scenario.directory / "connect-external-id"
    file.write_text(made.connect_id, "utf-8")
    scenario.cache("orders", tags={"env": "prod"}, group="people")
    scenario.cache("far", account=MEMBER)
    made.issued("identity", "bot-cachemuster", bot_role("prod"))
    made.issued("operator", "alice", EDITOR.name, EVERYTHING)
    with SimulatedTeleport(made.cluster).serve_in_thread() as at:
        web_ca = made.cluster.write_web_ca(scenario.directory / "web-ca.pem")
        scenario.cli.environment["SSL_CERT_FILE"] = str(web_ca)
        scenario.configure(
            aws={
                "regions": [FRANKFURT],
                "accounts": [
                    {"id": HUB},
                    {"id": MEMBER, "role_arn": role.arn, "external_id": "env:MEMBER_EXTERNAL_ID"},
                ],
            },
            matchers=[
                {
                    "name": "all",
                    "connect": {
                        "assume_role_arn": "arn:{partition}:iam::{account_id}:role/connect",
                        "external_id": f"file:{file}",
                    },
                }
            ],
            control_plane={
                "kind": "teleport",
                "address": at.proxy,
                "identity_file": "./identity",
            },
            service={"interval": "1h", "jitter": "0s", "listen": "127.0.0.1:0"},
        )
        yield made


def name_of(cache: str, account: str = HUB) -> str:
    return f"{cache}-elasticache-serverless-{FRANKFURT}-{account}"


def test_the_hunt_finds_what_it_is_after(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(scenario, monkeypatch) as reported:
        reported.run("sweep")
        hunt = reported.hunt
    assert len([name for name in hunt.secrets if name.startswith("session token")]) == 1
    assert hunt.within((scenario.directory / "identity").read_bytes()) == {
        name for name in hunt.secrets if name.startswith("private key 0")
    }
    for secret in (reported.member_id, reported.connect_id):
        shown = (secret, quote(secret, safe=""), json.dumps({"id": secret}), secret.encode().hex())
        assert all(hunt.within(text) for text in shown)
        assert not hunt.within(str(Secret(secret)))


def test_no_command_shows_a_secret(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with agent(scenario, monkeypatch) as reported:
        runs = {" ".join(words): reported.run(*words) for words in commands()}
        runs |= troubles(reported)
        hunt = reported.hunt
    assert {words for words, run in runs.items() if run.code not in (0, 1, 3, 5, 64, 78)} == set()
    for words, run in runs.items():
        shown = hunt.within(run.out) | hunt.within(run.err)
        assert not shown or (words.startswith("export") and hunt.within(run.err) == set()), words
    assert hunt.within(runs["export"].out) == {"connect"}
    assert "sha256:" in runs["sweep --format json"].out
    assert runs["sweep --format json"].document["summary"]["create"] == 2
    assert {
        name for name, content in reported.left_behind().items() if hunt.within(content)
    } == set()


def test_a_file_of_export_with_an_external_id_is_for_its_owner_alone(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(scenario, monkeypatch) as reported:
        assert reported.run("sweep").code == 0
        for words in (("export",), ("export", "--registered")):
            file = scenario.directory / "databases.yaml"
            file.write_text("earlier", "utf-8")
            file.chmod(0o644)
            assert reported.run(*words, "-o", "databases.yaml").code == 0
            assert reported.connect_id in file.read_text("utf-8")
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("mark", list("#/?[\\"))
def test_the_password_of_a_proxy_stands_nowhere(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    proxy = f"http://svc:S3cret{mark}1@127.0.0.1:9"
    with agent(scenario, monkeypatch) as reported:
        assert reported.run("sweep").code == 0
        proxies = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
        words = [("sweep", "--format", "json"), ("audit", "--format", "html"), ("doctor",)]
        runs = [reported.run(*each, **proxies) for each in words]
        runs += [reported.run(*each) for each in (("status",), ("history",), ("explain", "orders"))]
    for run in runs:
        assert "S3cret" not in run.out + run.err
    for run in runs[:3]:
        assert run.code == 1
        assert "PROXY is no URL" in run.out + run.err
        assert "# is %23" in run.out + run.err
    files = {name for name, content in scenario.files().items() if b"S3cret" in content}
    assert files == set()


@pytest.mark.parametrize(
    "endpoint",
    ["http://svc:S3cret#1@127.0.0.1:9", "http://svc:9/S3cret@127.0.0.1", "svc:S3cret@127.0.0.1:9"],
)
def test_the_password_of_an_endpoint_override_stands_nowhere(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    with agent(scenario, monkeypatch) as reported:
        words = [("sweep", "--format", "json"), ("audit", "--no-control-plane"), ("doctor",)]
        runs = [reported.run(*each, AWS_ENDPOINT_URL=endpoint) for each in words]
    for run in runs:
        assert "S3cret" not in run.out + run.err
        assert run.code == 1
        assert "is no URL such as" in " ".join((run.out + run.err).split())
    assert b"S3cret" not in b"".join(scenario.files().values())


def commands() -> Iterator[tuple[str, ...]]:
    yield from (("config", "check"), ("config", "schema"))
    for form in ("table", "json", "markdown", "html"):
        yield ("audit", "--format", form, "-o", f"audit.{form}")
    yield ("sweep", "--format", "json")
    yield ("--log-format", "console", "sweep")
    for form in ("table", "json"):
        yield from ((each, "--format", form) for each in ("status", "history", "doctor"))
        yield ("explain", "orders", "--format", form)
    for kind in KINDS:
        yield ("policies", kind)
    yield from (("export",), ("export", "--registered"))
    yield ("token", "orders", "app", "--region", FRANKFURT)
    yield ("release", name_of("orders"), "--yes", "--identity-file", "operator")
    yield ("adopt", name_of("orders"), "--yes", "--identity-file", "operator", "--format", "json")
    yield from (("pause", "--for", "1h"), ("resume",))


def troubles(reported: TeleportAgent) -> dict[str, Run]:
    """What commands say when secrets are wrong, missing, exchanged or half written."""
    directory = reported.scenario.directory
    runs = {"wrong id": reported.run("sweep", MEMBER_EXTERNAL_ID=new_external_id())}
    assert "ASSUME_ROLE_DENIED" in runs["wrong id"].out
    runs["no id"] = reported.run("audit", MEMBER_EXTERNAL_ID="")
    runs["an id that is none"] = reported.run(
        "audit", MEMBER_EXTERNAL_ID=f"{reported.member_id} \n"
    )
    (directory / "connect-external-id").write_text(new_external_id(), "utf-8")
    runs["another id"] = reported.run("sweep", "--format", "json")
    assert "/spec/aws/external_id" in runs["another id"].out
    (directory / "connect-external-id").write_text(reported.connect_id, "utf-8")
    Edit(labels={"by": "hand"}).do(reported.cluster, name_of("orders"))
    runs["drift"] = reported.run("sweep", "--format", "json")
    whole = (directory / "identity").read_text("utf-8")
    for share in (2, 10):
        (directory / "identity").write_text(whole[: len(whole) // share], "utf-8")
        runs[f"identity cut at 1/{share}"] = reported.run("audit")
    (directory / "identity").write_text(whole.replace("-----END", "---END", 1), "utf-8")
    runs["identity broken"] = reported.run("doctor")
    (directory / "identity").write_text(whole, "utf-8")
    return runs


def test_the_service_shows_no_secret(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with agent(scenario, monkeypatch) as reported:
        with service_process(scenario, "-vv") as service:
            service.until("sweep.finished", kind="sweep")
            assert service.named("item.applied", account_id=MEMBER, region=FRANKFURT, reason="NEW")
            pages = [service.get(page)[1] for page in ("/metrics", "/healthz", "/readyz", "/")]
            reported.issued("identity", "bot-cachemuster", bot_role("prod"))
            service.send(signal.SIGHUP)
            service.until("configuration.reloaded")
            assert service.ended() == 0
        hunt = reported.hunt
    assert "cachemuster_changes_total" in pages[0]
    assert service.named("library.said"), "-vv logs what the libraries say"
    assert {page for page in pages if hunt.within(page)} == set()
    assert {
        name for name, content in reported.left_behind().items() if hunt.within(content)
    } == set()

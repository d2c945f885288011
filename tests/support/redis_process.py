"""A real redis-server or valkey-server with TLS, in a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.tls_authority import TlsAuthority

HOST = "orders-abc123.serverless.euc1.cache.amazonaws.com"
ENGINES = ("redis", "valkey")


@dataclass(frozen=True)
class RealCache:
    """A server that runs."""

    engine: str
    port: int
    authority: TlsAuthority
    directory: Path

    def client(self, *words: str, user: str, password: str) -> subprocess.CompletedProcess[str]:
        """Run the engine's own client, as a person would."""
        return subprocess.run(
            [
                f"{self.engine}-cli",
                *("-h", "127.0.0.1", "-p", str(self.port), "--tls", "--sni", HOST),
                *("--cacert", str(self.authority.file), "--user", user, "--no-auth-warning"),
                *words,
            ],
            env={"REDISCLI_AUTH": password, "VALKEYCLI_AUTH": password},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def commands(self) -> dict[str, int]:
        """How often each command was called, as the server counts them."""
        text = self.client("INFO", "commandstats", user="admin", password="admin").stdout
        lines = [line.split(":") for line in text.splitlines() if line.startswith("cmdstat_")]
        return {
            name.removeprefix("cmdstat_"): int(facts.split(",")[0].split("=")[1])
            for name, facts in lines
        }


@contextlib.contextmanager
def real_cache(engine: str, directory: Path, acl: dict[str, str]) -> Iterator[RealCache]:
    """Start a server with these users: their names, and the rules behind `on`.

    Skips where the engine is not installed.
    """
    if shutil.which(f"{engine}-server") is None:
        pytest.skip(f"{engine}-server is not installed here")
    authority = TlsAuthority(directory)
    issued = authority.issue(HOST)
    users = {"default": "off", "admin": "on >admin ~* &* +@all", **acl}
    port = _free_port()
    (directory / "users.acl").write_text(
        "".join(f"user {name} {rules}\n" for name, rules in users.items()), "utf-8"
    )
    settings = {
        "port": "0",
        "bind": "127.0.0.1",
        "tls-port": str(port),
        "tls-cert-file": str(issued.certificate),
        "tls-key-file": str(issued.key),
        "tls-ca-cert-file": str(authority.file),
        "tls-auth-clients": "no",
        "aclfile": str(directory / "users.acl"),
        "dir": str(directory),
        "save": '""',
    }
    (directory / "server.conf").write_text(
        "".join(f"{name} {value}\n" for name, value in settings.items()), "utf-8"
    )
    with subprocess.Popen(
        [f"{engine}-server", str(directory / "server.conf")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            log = ""
            while "Ready to accept connections" not in log:
                line = process.stdout.readline()
                assert line, log
                log += line
            yield RealCache(engine, port, authority, directory)
        finally:
            process.terminate()


def with_password(password: str, rules: str = "~* +@all") -> str:
    """ACL rules of a user who is on and has this password."""
    return f"on #{sha256(password.encode()).hexdigest()} {rules}"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

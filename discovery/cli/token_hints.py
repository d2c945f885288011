"""What `token` says beside the token: how to use it, and what state knows of the cache."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from discovery.cli.streams import stderr_line

if TYPE_CHECKING:
    from discovery.cli.options import Common
    from state.records import RememberedCache, RememberedState

_PORT: Final = "6379"


@dataclass(frozen=True, slots=True)
class Login:
    """What a token was made for."""

    cache: str
    """Name, or the ARN where that was given."""
    name: str
    region: str
    user: str
    profile: str | None

    @property
    def command(self) -> str:
        """The command that prints such a token."""
        words = ["cachemuster", "token", self.cache, self.user]
        words += ["--region", self.region] if self.cache == self.name else []
        words += ["--profile", self.profile] if self.profile is not None else []
        return shlex.join(words)


def remembered(shared: Common) -> RememberedState | None:
    """Read the state of the configuration, where there is one; what keeps it unread is told."""
    from discovery.cli.settings import find_configuration
    from discovery.config.load import load_config
    from discovery.config.problems import ConfigError
    from state.errors import StateError
    from state.store import load_state

    try:
        path = find_configuration(shared.config)
        if path is None:
            return None
        state = load_config(path).state
        # A token is wanted at once, by people who need no access to the snapshot.
        return load_state(state.path) if state.snapshot is None else None
    except (ConfigError, StateError) as error:
        stderr_line(f"State was not looked at: {str(error).splitlines()[0]}")
        return None


def only_region(name: str, state: RememberedState | None) -> str | None:
    """Return the region of the caches of a name that state knows; None unless it is one."""
    caches = state.caches.values() if state is not None else ()
    regions = {each.scope.region for each in caches if each.name == name.lower()}
    return regions.pop() if len(regions) == 1 else None


def print_hints(login: Login, state: RememberedState | None, *, to_terminal: bool) -> None:
    """Warn of what state does not know, and at a terminal show how to connect."""
    found = _caches(login, state)
    for text in _doubts(login, found, state):
        stderr_line(text)
    if to_terminal:
        for line in _ways_to_connect(login, found, state):
            stderr_line(line)


def _caches(login: Login, state: RememberedState | None) -> tuple[RememberedCache, ...]:
    if state is None:
        return ()
    return tuple(
        each
        for each in state.caches.values()
        if each.name == login.name.lower()
        and each.scope.region == login.region
        and login.cache in (login.name, each.arn)
    )


def _doubts(
    login: Login, found: Sequence[RememberedCache], state: RememberedState | None
) -> Iterator[str]:
    if state is None or not state.scopes:
        return
    if not found:
        yield (
            f"No cache {login.name} in {login.region} is remembered: a token for a cache that is "
            "not there, or of another region, is refused."
        )
    judged = [each.iam for each in found if each.iam is not None]
    if judged and not any(login.user in iam.users for iam in judged):
        known = ", ".join(sorted({user for iam in judged for user in iam.users})) or "nobody"
        yield (
            f"User {login.user} could not log in with IAM when the users of {login.name} were last "
            f"read; able to are: {known}."
        )


def _ways_to_connect(
    login: Login, found: Sequence[RememberedCache], state: RememberedState | None
) -> Iterator[str]:
    if len(found) > 1:
        yield f"{len(found)} accounts have a cache {login.name} here; name it by its ARN for more."
        return
    uri = found[0].uri if found else ""
    yield "Connect:"
    yield f"  {_redis_cli(login, uri)}"
    names = [
        each.name
        for each in (state.registrations.values() if state is not None else ())
        if found and each.arn == found[0].arn
    ]
    for name in names[:1]:
        yield f"  {shlex.join(['tsh', 'db', 'connect', f'--db-user={login.user}', name])}"


def _redis_cli(login: Login, uri: str) -> str:
    """The line for redis-cli, 6.2 or later; of a sandbox, to where it serves the cache."""
    import os

    from discovery.probe.variables import SANDBOX_CACHES

    host, _, port = uri.rpartition(":")
    words = ["-h", host or "ENDPOINT", "-p", port or _PORT, "--tls"]
    if os.environ.get(SANDBOX_CACHES) and host:
        words = _in_sandbox(host, int(port)) or words
    line = shlex.join(["redis-cli", *words, "-c", "--user", login.user])
    return f'REDISCLI_AUTH="$({login.command})" {line}'


def _in_sandbox(host: str, port: int) -> list[str]:
    """Where a sandbox serves the cache; empty when it does not say."""
    import os

    from discovery.config.problems import ConfigError
    from discovery.model.values import Endpoint
    from discovery.probe.hosts import find_hosts

    try:
        hosts = find_hosts(os.environ, is_overridden=True)
    except ConfigError:
        return []
    server = hosts.server(Endpoint(host, port), "aws")
    if server is None or server.dial is None:
        return []
    place, number = server.dial
    trust = ["--cacert", hosts.ca_file] if hosts.ca_file else []
    return ["-h", place, "-p", str(number), "--tls", "--sni", host, *trust]

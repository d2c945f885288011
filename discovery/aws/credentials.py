"""The agent's own credentials, from the SDK's default chain, renewed by the SDK.

The chain is walked here, one provider after the other as the SDK does, so that an error can name
the provider that it came from.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from aiobotocore.session import AioSession
from botocore.configloader import load_config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ConfigNotFound

from discovery.aws.clients import CredentialSource
from discovery.aws.credential_errors import (
    check_form,
    code_required,
    explain_failure,
    login_session_unsupported,
    no_credentials_found,
    unreadable_setup,
)
from discovery.aws.credential_origin import (
    INSTANCE,
    OUTSIDE_PROFILES,
    PROCESS,
    Origin,
    SdkSetup,
    login_profile,
    mfa_profile,
    origin_of,
)
from discovery.aws.errors import AwsCallFailed
from discovery.aws.sdk_session import sdk_session
from discovery.aws.tls import UnproxiedSession
from discovery.model.codes import ScopeReason
from discovery.model.values import Clock, Region

DEADLINE: Final = timedelta(seconds=60)
"""Longest that a command or a service may take to give credentials."""
LONGEST_PRINT: Final = 1 << 20
"""Longest output of a command, in bytes: one without an end would be read until DEADLINE."""
RETRY_AFTER: Final = timedelta(seconds=2)
"""Pause after a failure: a thousand scopes would start a command a thousand times in a row."""


Prove = Callable[[ReadOnlyCredentials], Awaitable[None]]
"""Check that credentials are of the account that the agent began with. Raises: AwsCallFailed."""


@dataclass(frozen=True, slots=True)
class _Found:
    credentials: CredentialSource
    origin: Origin
    setup: SdkSetup


class AmbientCredentials:
    """Credentials of the agent itself, none of which signs for an unproven account (R11).

    What is raised is an AwsCallFailed, with CREDENTIALS where there are none to be had.
    """

    def __init__(self, profile: str | None, region: Region | None, clock: Clock) -> None:
        """`region`: where the SDK asks STS, if it has to, for credentials."""
        self._profile = profile
        self._region = region
        self._clock = clock
        self._found: _Found | None = None
        self._current: ReadOnlyCredentials | None = None
        self._prove: Prove | None = None
        self._failure: AwsCallFailed | None = None
        self._failed_at: datetime | None = None
        self._reread_at: datetime | None = None
        self._turn = asyncio.Lock()
        self.generation = 0
        """How often the chain was read anew and gave others than before."""

    @classmethod
    async def open(cls, profile: str | None, region: Region | None, clock: Clock) -> Self:
        """Find credentials that are valid. Raises: AwsCallFailed."""
        made = cls(profile, region, clock)
        await made.get_frozen_credentials()
        return made

    def set_proof(self, prove: Prove) -> None:
        """Require proof, from now on, of credentials other than those of this moment."""
        self._prove = prove

    @property
    def origin(self) -> str:
        """Where they came from: variable, profile and file, command, container, instance."""
        return self._found.origin.text if self._found is not None else ""

    @property
    def expires_at(self) -> datetime | None:
        """When they expire; None when nothing says so."""
        held = self._found.credentials if self._found is not None else None
        found: datetime | None = getattr(held, "_expiry_time", None)
        return found

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Give what is valid now. Raises: AwsCallFailed."""
        async with self._turn:
            if self._failure is not None and not self._is_due(self._failed_at):
                raise AwsCallFailed(self._failure.error) from self._failure
            try:
                found = self._found or await self._read_chain()
                self._current = await self._require_proof(await self._freeze(found))
            except AwsCallFailed as error:
                self._failure, self._failed_at = error, self._clock()
                raise
            self._found, self._failure = found, None
            return self._current

    async def renew_since(self, generation: int) -> bool:
        """Read the chain anew after AWS refused that generation, once for all who ask.

        What a file or a command holds may have been replaced long before the SDK would look.

        Returns: True when others are at hand now.
        Raises: AwsCallFailed, when they are another account's.
        """
        async with self._turn:
            if self.generation != generation:
                return True
            if not self._is_due(self._reread_at):
                return False
            self._reread_at = self._clock()
            try:
                found = await self._read_chain()
                current = await self._freeze(found)
                if current == self._current:
                    return False
                self._current = await self._require_proof(current)
            except AwsCallFailed as failed:
                if failed.error.reason is ScopeReason.WRONG_ACCOUNT:
                    raise
                return False
            self._found, self._failure = found, None
            self.generation += 1
            return True

    def _is_due(self, last: datetime | None) -> bool:
        return last is None or not timedelta(0) <= self._clock() - last < RETRY_AFTER

    async def _require_proof(self, current: ReadOnlyCredentials) -> ReadOnlyCredentials:
        known = self._current is not None and self._current.access_key == current.access_key
        if self._prove is not None and not known:
            await self._prove(current)
        return current

    async def _freeze(self, found: _Found) -> ReadOnlyCredentials:
        """Ask the SDK, which fetches or renews them here. Raises: AwsCallFailed."""
        if mfa_profile(found.origin, found.setup) and not _is_terminal():
            raise code_required(found.origin)
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                frozen = await found.credentials.get_frozen_credentials()
            check_form(frozen)
            return frozen
        except Exception as error:
            raise explain_failure(error, found.origin, found.setup) from error

    async def _read_chain(self) -> _Found:
        """Find the first provider that has credentials. Raises: AwsCallFailed."""
        try:
            session = sdk_session(self._profile, self._region)
            setup = _setup_of(session, self._profile)
            providers = session.get_component("credential_provider").providers
        except Exception as error:
            raise unreadable_setup(error) from error
        for provider in providers:
            _adapt(provider, session)
            origin = origin_of(provider.METHOD, setup)
            login = login_profile(Origin("", ""), setup)
            if login is not None and provider.METHOD in OUTSIDE_PROFILES:
                raise login_session_unsupported(login, f"profile {login} of {setup.config_file}")
            credentials = await _load(provider, origin, setup)
            if credentials is not None:
                return _Found(credentials, origin, setup)
        raise no_credentials_found(setup, _unreadable(setup))


def _adapt(provider: Any, session: AioSession) -> None:
    """Let the instance's metadata use no proxy, and a command print no more than it may."""
    if provider.METHOD == INSTANCE:
        timeout_s = session.get_config_variable("metadata_service_timeout")
        provider._role_fetcher._session = UnproxiedSession(timeout_s)  # noqa: SLF001 - no other way
    if provider.METHOD == PROCESS:
        provider._popen = _Command.start  # noqa: SLF001 - the SDK's factory makes the provider


class _Command:
    """A command that ends when nobody waits for it any more."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, *words: str, stdout: int, stderr: int) -> Self:
        """As `asyncio.create_subprocess_exec`."""
        made = await asyncio.create_subprocess_exec(*words, stdout=stdout, stderr=stderr)
        return cls(made)

    @property
    def returncode(self) -> int | None:
        """How it ended."""
        return self._process.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """What it printed. Raises: ValueError, when that is more than credentials are."""
        out, err = self._process.stdout, self._process.stderr
        assert out is not None and err is not None  # noqa: S101, PT018 - the SDK asks for both
        try:
            printed = await asyncio.gather(_read_to_end(out), _read_to_end(err))
            await self._process.wait()
        except (asyncio.CancelledError, ValueError):
            # Kills it and closes its pipes: while one is open, `wait` would wait for its end.
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
            await self._process.wait()
            raise
        return printed[0], printed[1]


async def _read_to_end(stream: asyncio.StreamReader) -> bytes:
    """All of it. Raises: ValueError, when it is longer than LONGEST_PRINT."""
    try:
        await stream.readexactly(LONGEST_PRINT + 1)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    raise ValueError("more than credentials are")


async def _load(provider: Any, origin: Origin, setup: SdkSetup) -> CredentialSource | None:
    """Load what one provider has; some fetch here, others at the first use.

    Raises: AwsCallFailed.
    """
    try:
        async with asyncio.timeout(DEADLINE.total_seconds()):
            found: CredentialSource | None = await provider.load()
            return found
    except Exception as error:
        raise explain_failure(error, origin, setup) from error


def _setup_of(session: AioSession, profile: str | None) -> SdkSetup:
    """Raises: what the SDK raises for files that it cannot read."""
    config_file = _path(session, "config_file")
    try:
        in_config_file = load_config(config_file)["profiles"]
    except ConfigNotFound:
        in_config_file = {}
    return SdkSetup(
        profile=session.get_config_variable("profile") or "default",
        is_explicit=profile is not None,
        profiles=session.full_config["profiles"],
        config_file=config_file,
        credentials_file=_path(session, "credentials_file"),
        in_config_file=in_config_file,
        environ=os.environ,
    )


def _path(session: AioSession, variable: str) -> str:
    return str(Path(os.path.expandvars(session.get_config_variable(variable))).expanduser())


def _unreadable(setup: SdkSetup) -> tuple[str, ...]:
    """The files that are there for others only; the SDK passes over them in silence."""
    files = (setup.config_file, setup.credentials_file)
    return tuple(file for file in files if Path(file).is_file() and not os.access(file, os.R_OK))


def _is_terminal() -> bool:
    """Whether somebody can be asked for a code."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False

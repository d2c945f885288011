"""A simulated AWS on loopback, an agent with credentials for it, and what a test wants of both."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.retries.standard import ExponentialBackoff

from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.rate_limiter import RateLimiter
from discovery.config.aws import Aws
from discovery.config.secrets import Secret, resolve_external_id
from discovery.model.values import AccountId, Arn, Cache, Complete, Region, Scanned, Scope
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.region import Region as SandboxRegion
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from discovery.sweep.scan import OnProgress, Scan, scan
from state.records import RememberedCache, RememberedState

HUB = "111111111111"
MEMBER = "222222222222"
HOME = "eu-west-1"
SUBJECT = "system:serviceaccount:cachemuster:cachemuster"
LONG_AGO = timedelta(days=30)


def now() -> datetime:
    """A whole second: create times have no more than milliseconds on the wire."""
    return datetime.now(UTC).replace(microsecond=0)


class Site:
    """One simulated AWS with the agent's own account, and members that let it in."""

    def __init__(self, aws: SimulatedAws, url: str) -> None:
        self.aws = aws
        self.url = url
        self.hub = aws.world.account(HUB)
        self.entries: list[dict[str, object]] = [{"id": HUB}]
        self.environ: dict[str, str] = {}
        self.rate_limiter = RateLimiter()

    def member(self, account_id: str = MEMBER, *, external_id: str | None = None) -> None:
        """An account whose role trusts the agent's, and its entry in the configuration."""
        account = self.aws.world.account(account_id)
        role = account.add_role("cachemuster", trusted=[HUB], external_id=external_id)
        self.entries.append({"id": account_id, "role_arn": role.arn})

    def place(self, account_id: str = HUB, region: str = HOME) -> SandboxRegion:
        """One account's part of one region."""
        return self.aws.world.account(account_id).region(region)

    def fault(self, effect: Effect, **where: object) -> int:
        """Something goes wrong from now on."""
        return self.aws.faults.add(Fault(effect=effect, **where))  # type: ignore[arg-type]

    def asked(self, operation: str, **where: str) -> int:
        """How often this was asked."""
        return len(self.aws.calls.of(operation, **where))

    def by_web_identity(
        self, monkeypatch: pytest.MonkeyPatch, file: Path, *, role: str = "pod"
    ) -> None:
        """The agent has the credentials of a pod: a token file in place of keys."""
        self.hub.add_role(role, trusted=[SUBJECT])
        file.write_text(self.aws.world.issue_web_identity(SUBJECT), "utf-8")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        monkeypatch.setenv("AWS_ROLE_ARN", self.hub.iam_arn(f"role/{role}"))

    def settings(self, **changes: object) -> Aws:
        return Aws.model_validate({"accounts": self.entries, "regions": [HOME], **changes})

    @asynccontextmanager
    async def cloud(self, **changes: object) -> AsyncIterator[Cloud]:
        settings = self.settings(**changes)
        async with open_cloud(
            settings, resolve=self._resolve, clock=now, rate_limiter=self.rate_limiter
        ) as cloud:
            yield cloud

    async def scan(
        self,
        *,
        scope_filter: ScopeFilter = ScopeFilter(),
        remembered: Mapping[Arn, RememberedCache] | None = None,
        state: RememberedState | None = None,
        users: bool = True,
        use_backoff: bool = False,
        on_progress: OnProgress | None = None,
        **changes: object,
    ) -> Scan:
        async with self.cloud(**changes) as cloud:
            return await scan(
                cloud,
                scope_filter=scope_filter,
                state=state or RememberedState(caches=remembered or {}),
                users=users,
                use_backoff=use_backoff,
                on_progress=on_progress,
            )

    async def scan_with(self, cloud: Cloud, *, scope_filter: ScopeFilter = ScopeFilter()) -> Scan:
        """One more scan of a process that has scanned before."""
        return await scan(cloud, scope_filter=scope_filter, state=RememberedState())

    def _resolve(self, reference: str) -> Secret:
        return resolve_external_id(reference, self.environ)


def result_of(found: Scan, account_id: str = HUB, region: str | None = HOME) -> Scanned:
    """The one result of a scope."""
    scope = Scope(AccountId(account_id), Region(region) if region else None)
    [result] = [result for result in found.results if result.scope == scope]
    return result


def caches_of(found: Scan, account_id: str = HUB, region: str = HOME) -> dict[str, Cache]:
    """The caches of a scope that was read completely, by name."""
    result = result_of(found, account_id, region)
    assert isinstance(result, Complete), result
    return {cache.name: cache for cache in result.caches}


def remember(*caches: object) -> dict[Arn, RememberedCache]:
    """The memory of a state that has seen these sandbox caches before."""
    return {Arn(cache.arn): _remembered(cache) for cache in caches}  # type: ignore[attr-defined]


def _remembered(cache: object) -> RememberedCache:
    arn, created_at = Arn(cache.arn), cache.created_at  # type: ignore[attr-defined]
    _, _, _, region, account_id, _, name = arn.split(":")
    return RememberedCache(
        arn=arn,
        scope=Scope(AccountId(account_id), Region(region)),
        name=name,
        created_at=created_at,
        first_seen_at=created_at,
        last_seen_at=created_at,
        status="available",
        engine="valkey",
        engine_version="8.1",
        uri="",
        tags=None,
        vpc_id=None,
        vpc_known=False,
        iam=None,
    )


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own AWS configuration is seen."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK tries again as often as ever, without its seconds of waiting in between."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0)


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    aws = SimulatedAws(World())
    async with aws.serve() as url:
        site = Site(aws, url)
        key = site.hub.add_key()
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", HOME)
        yield site

"""A small cluster for `cachemuster sandbox` and `quickstart`, with identity files.

One Database Service serves whatever cachemuster registers; nothing is registered yet.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import ALL, EDITOR, Role, bot_role
from discovery.sandbox.teleport.store import MEASURED_STEP

BOT, PERSON = "bot-cachemuster", "alice"
ROLE: Final[Role] = bot_role(ALL)
"""A bot's role, for whatever group a configuration names."""

LIFETIME, RENEWED_EVERY = timedelta(hours=1), timedelta(minutes=20)
"""The defaults of tbot."""


@dataclass(frozen=True, slots=True)
class DemoIdentities:
    """The files with which clients enter."""

    bot: Path
    """The agent's identity."""
    person: Path
    """The identity of somebody who may do everything."""
    web_ca: Path
    """The authority of the Proxy's web certificate (`SSL_CERT_FILE`)."""


def build_cluster() -> Cluster:
    """Build the cluster before anything is registered; reads lag as a real one's do."""
    cluster = Cluster(read_step=MEASURED_STEP)
    cluster.place_service("database-service", {"managed-by": "cachemuster"})
    return cluster


def issue(cluster: Cluster, directory: Path) -> DemoIdentities:
    """Write fresh identity files into the directory."""
    identities = DemoIdentities(
        bot=directory / "identity",
        person=directory / "operator.identity",
        web_ca=cluster.write_web_ca(directory / "web-ca.pem"),
    )
    _write_identities(cluster, identities)
    return identities


async def keep_fresh(
    cluster: Cluster, identities: DemoIdentities, every: timedelta = RENEWED_EVERY
) -> None:
    """Renew the identities for ever, in the way that tbot writes them."""
    while True:
        await asyncio.sleep(every.total_seconds())
        _write_identities(cluster, identities)


def section(address: str, identity_file: Path) -> str:
    """Return the `control_plane` section of a configuration, through TLS routing."""
    return (
        "control_plane:\n"
        "  kind: teleport\n"
        f"  address: {address}\n"
        f"  identity_file: {json.dumps(str(identity_file), ensure_ascii=False)}\n"
        "  route: proxy\n"
    )


def _write_identities(cluster: Cluster, identities: DemoIdentities) -> None:
    for path, user, role in ((identities.bot, BOT, ROLE), (identities.person, PERSON, EDITOR)):
        for _ in cluster.issue(user, role, lifetime=LIFETIME).write_as_tbot(path):
            pass

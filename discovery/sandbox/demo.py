"""A small, credible world for `cachemuster sandbox` and `cachemuster quickstart`.

Three accounts, three regions, nine caches: some ready for a person to log in with IAM, some not,
one of another kind, one without a user group, and one whose tags try to break a terminal.
"""

from collections.abc import Mapping
from datetime import timedelta

from discovery.sandbox.agent_world import AgentWorld
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.world import Account, World
from discovery.sandbox.clock import Clock, wall_clock

HUB, SHOP, DATA = "111122223333", "222233334444", "333344445555"
"""The account whose keys the agent has, and two more that trust it."""

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
HOME = REGIONS[0]

NAMES = {HUB: "platform", SHOP: "shop", DATA: "data"}
"""What the organization calls its accounts; the first one manages it."""

ROLE_NAME = "cachemuster"
CONNECT_ROLE_NAME = "teleport-connect"
"""The role with which Teleport connects, in each account; the agent's keys may assume it too."""
EXTERNAL_ID = "demo-external-id"
"""The external id that the roles in the member accounts want."""

# The example keys of AWS's own documentation: nobody takes them for real ones.
_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105

_AGE = timedelta(days=90)
"""How long ago the caches were made."""


def build_demo(clock: Clock = wall_clock, *, delays: Delays | None = None) -> AgentWorld:
    """Build the demonstration; `delays` None: every change at once."""
    world = World(clock, delays=delays)
    hub, shop, data = (world.account(number, regions=REGIONS) for number in (HUB, SHOP, DATA))
    key = hub.add_key("cachemuster", access_key_id=_ACCESS_KEY_ID, secret=_SECRET)
    for account in (hub, shop, data):
        _add_connect_role(account)
    organization = world.organize(HUB, name=NAMES[HUB])
    for member in (shop, data):
        member.add_role(ROLE_NAME, trusted=(HUB,), external_id=EXTERNAL_ID)
        organization.join(member.id, name=NAMES[member.id])
    _fill_hub(hub)
    _fill_shop(shop)
    _fill_data(data)
    return AgentWorld(world, key, HOME)


def _add_connect_role(account: Account) -> None:
    """Add the role with which Teleport connects: it may log in to caches, and nothing else."""
    role = account.add_role(CONNECT_ROLE_NAME, trusted=(HUB,))
    here = f"arn:{account.partition.name}:elasticache:*:{account.id}"
    connect = {
        "Effect": "Allow",
        "Action": "elasticache:Connect",
        "Resource": [f"{here}:serverlesscache:*", f"{here}:user:*"],
    }
    account.allow(role.arn, {"Version": "2012-10-17", "Statement": [connect]})


def _fill_hub(hub: Account) -> None:
    central, west = hub.region("eu-central-1"), hub.region("eu-west-1")
    central.add_user(
        "teleport-identity", access_string="on ~session:* -@all +@read +@write +@connection"
    )
    central.add_user_group("identity", users=("teleport-identity",))
    _place(central, "sessions", group="identity", tags={"env": "prod", "team": "identity"})
    west.add_user("teleport-edge", engine="redis", access_string="on ~* -@all +@read +@connection")
    west.add_user_group("edge", engine="redis", users=("default", "teleport-edge"))
    _place(west, "rate-limits", "redis", group="edge", tags={"env": "prod", "team": "edge"})


def _fill_shop(shop: Account) -> None:
    central, east = shop.region("eu-central-1"), shop.region("us-east-1")
    central.add_user("teleport-checkout", access_string="on ~* -@all +@read +@write +@connection")
    central.add_user_group("checkout", users=("teleport-checkout",))
    _place(central, "orders", group="checkout", tags={"env": "prod", "team": "checkout"})
    central.add_user("cart-service", name="cart", authentication="password")
    central.add_user_group("carts", users=("cart-service",))
    _place(central, "carts", group="carts", tags={"env": "prod", "team": "checkout"})
    _place(central, "page-fragments", "memcached", tags={"env": "prod", "team": "web"})
    _place(east, "recommendations", "redis", tags={"env": "prod", "team": "discovery"})


def _fill_data(data: Account) -> None:
    west, east = data.region("eu-west-1"), data.region("us-east-1")
    west.add_user("teleport-features", access_string="off ~* -@all +@read +@connection")
    west.add_user_group("features", users=("teleport-features",))
    _place(west, "feature-store", group="features", tags={"env": "staging", "team": "ml"})
    _place(west, "scratch", tags={"env": "staging", "owner": "x[/bold]y \u202egnp.exe\u009b2J"})
    _place(east, "leaderboard", tags={"env": "dev", "team": "games", "teleport": "off"})


def _place(
    region: Region,
    name: str,
    engine: str = "valkey",
    *,
    tags: Mapping[str, str],
    group: str | None = None,
) -> None:
    made_at = region.place.clock() - _AGE
    region.add_cache(name, engine=engine, group=group, tags=tags, created_at=made_at)

"""Whatever is asked in whatever order: AWS's rules hold, and the sandbox never fails itself."""

from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import urlencode
from botocore.credentials import Credentials
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.models import operation_model
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.request_handler import RequestHandler
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.wire.message import Request
from discovery.sandbox.aws.world import World
from discovery.sandbox.faults import FaultBoard

REGION = "eu-central-1"
CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "secret")
PACE = Delays(*([timedelta(seconds=2)] * 4))

GOOD_NAMES = st.sampled_from(["a", "B", "c", "d", "default"])
NAMES = st.integers(0, 19).flatmap(
    lambda luck: GOOD_NAMES if luck else st.sampled_from(["bad--name", ""])
)
MEMBERS = st.lists(NAMES, min_size=1, max_size=2, unique=True)
ENGINES = st.sampled_from(["redis", "Valkey", "redis", "valkey", "memcached"])
TAGS = st.lists(
    st.fixed_dictionaries(
        {
            "Key": st.sampled_from(["env", "aws:x", "é"]),
            "Value": st.text(st.characters(categories=("L", "N", "P"))),
        }
    ),
    max_size=3,
)
MODES = st.sampled_from(
    [
        {"Type": "iam"},
        {"Type": "password", "Passwords": ["a-long-enough-password"]},
        {"Type": "no-password-required"},
    ]
)
ARNS = st.builds(
    lambda kind, name: f"arn:aws:elasticache:{REGION}:111122223333:{kind}:{name}",
    st.sampled_from(["serverlesscache", "user", "usergroup"]),
    NAMES,
)


def asking(operation: str, required: dict[str, Any], optional: dict[str, Any]) -> Any:
    members = st.fixed_dictionaries(required, optional=optional)
    return st.tuples(st.just(operation), members)


ASKS = st.one_of(
    asking(
        "CreateUser",
        {
            "UserId": NAMES,
            "UserName": NAMES,
            "Engine": ENGINES,
            "AccessString": st.just("on"),
            "AuthenticationMode": MODES,
        },
        {},
    ),
    asking("ModifyUser", {"UserId": NAMES}, {"Engine": ENGINES, "AuthenticationMode": MODES}),
    asking("DeleteUser", {"UserId": NAMES}, {}),
    asking("CreateUserGroup", {"UserGroupId": NAMES, "Engine": ENGINES}, {"UserIds": MEMBERS}),
    asking("ModifyUserGroup", {"UserGroupId": NAMES, "UserIdsToAdd": MEMBERS}, {}),
    asking("ModifyUserGroup", {"UserGroupId": NAMES, "UserIdsToRemove": MEMBERS}, {}),
    asking(
        "ModifyUserGroup",
        {"UserGroupId": NAMES, "Engine": ENGINES},
        {"UserIdsToAdd": MEMBERS, "UserIdsToRemove": MEMBERS},
    ),
    asking("DeleteUserGroup", {"UserGroupId": NAMES}, {}),
    asking(
        "CreateServerlessCache",
        {"ServerlessCacheName": NAMES, "Engine": ENGINES},
        {"UserGroupId": NAMES, "Tags": TAGS},
    ),
    asking("ModifyServerlessCache", {"ServerlessCacheName": NAMES, "UserGroupId": NAMES}, {}),
    asking("ModifyServerlessCache", {"ServerlessCacheName": NAMES, "Engine": ENGINES}, {}),
    asking(
        "ModifyServerlessCache",
        {"ServerlessCacheName": NAMES, "RemoveUserGroup": st.booleans()},
        {},
    ),
    asking("DeleteServerlessCache", {"ServerlessCacheName": NAMES}, {}),
    asking("AddTagsToResource", {"ResourceName": ARNS, "Tags": TAGS}, {}),
    asking("RemoveTagsFromResource", {"ResourceName": ARNS, "TagKeys": MEMBERS}, {}),
    asking("ListTagsForResource", {"ResourceName": ARNS}, {}),
    st.tuples(st.just("wait"), st.integers(0, 3)),
)


class Simulation:
    """A world, and requests to it as botocore writes and signs them, without a socket."""

    def __init__(self) -> None:
        self.world = World(delays=PACE)
        self.account = self.world.account("111122223333")
        self.account.add_key(access_key_id=CREDENTIALS.access_key, secret=CREDENTIALS.secret_key)
        self._fill(self.account.region(REGION))
        self._handler = RequestHandler(self.world, FaultBoard(), CallLog())
        self._serializer = create_serializer("query", include_validation=False)

    def _fill(self, region: Region) -> None:
        """Something of each kind, so that few requests are about nothing."""
        region.add_user("a", name="default", engine="redis", authentication="password")
        region.add_user("b")
        region.add_user("c", engine="redis")
        region.add_user("d", engine="redis", authentication="no-password")
        region.add_user_group("a", engine="redis", users=("default",))
        region.add_user_group("b", engine="valkey", users=("b",))
        region.add_cache("a", engine="redis", group="a")

    def ask(self, operation: str, members: Any) -> tuple[int, dict[str, Any]]:
        model = operation_model("elasticache", operation)
        sent = self._serializer.serialize_to_request(members, model)
        body = urlencode(sent["body"], doseq=True).encode()
        request = AWSRequest("POST", "http://sandbox/", {"Host": "sandbox"}, body)
        SigV4Auth(CREDENTIALS, "elasticache", REGION).add_auth(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._handler.handle(Request("POST", "/", headers, body)).answer
        parsed = create_parser("query").parse(
            {"body": answer.body, "headers": {}, "status_code": answer.status},
            cast("Shape", model.output_shape),
        )
        return answer.status, parsed

    def settle(self) -> Region:
        region = self.account.region(REGION)
        region.advance(self.world.clock())
        return region


def check_rules(region: Region) -> None:
    users = {user.id: user for user in region.users.values()}
    for user in users.values():
        assert user.authentication != "iam" or user.id == user.name
        assert (user.engine, user.authentication) != ("valkey", "no-password")
    for group in region.groups.values():
        settled = group.with_changes_done()
        if group.status == "deleting":
            continue
        members = [users[user_id] for user_id in settled.user_ids]
        assert len({user.name for user in members}) == len(members)
        if settled.engine == "redis":
            assert "default" in {user.name for user in members}
            assert {user.engine for user in members} == {"redis"}
        else:
            assert "no-password" not in {user.authentication for user in members}
    for cache in region.caches.values():
        assert cache.name == cache.name.lower()
        if cache.user_group_id is not None and cache.status != "deleting":
            attached = region.groups.get(cache.user_group_id)
            assert attached is not None
            assert cache.engine != "memcached"
            assert (cache.engine, attached.engine) != ("redis", "valkey")


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(asks=st.lists(ASKS, min_size=5, max_size=40))
def test_rules_hold(asks: list[tuple[str, Any]]) -> None:
    simulation = Simulation()
    for operation, members in asks:
        if operation == "wait":
            simulation.world.clock.advance(timedelta(seconds=members))
        else:
            status, answer = simulation.ask(operation, members)
            assert status < 500, answer
        check_rules(simulation.settle())


@pytest.mark.parametrize(
    ("group_engine", "change"),
    [
        ("valkey", {"AuthenticationMode": {"Type": "no-password-required"}}),
        ("redis", {"Engine": "valkey"}),
    ],
)
def test_a_member_may_not_become_what_its_group_forbids(
    group_engine: str, change: dict[str, Any]
) -> None:
    simulation = Simulation()
    region = simulation.account.region(REGION)
    region.add_user("d", engine="redis", authentication="password")
    region.add_user_group("d", engine=group_engine, users=("d",))
    status, answer = simulation.ask("ModifyUser", {"UserId": "d", **change})
    assert (status, answer["Error"]["Code"]) == (400, "InvalidParameterCombination")


def test_a_user_on_its_way_out_cannot_join() -> None:
    simulation = Simulation()
    simulation.account.region(REGION).add_user("d", status="deleting")
    status, answer = simulation.ask("ModifyUserGroup", {"UserGroupId": "b", "UserIdsToAdd": ["d"]})
    assert (status, answer["Error"]["Code"]) == (404, "UserNotFound")

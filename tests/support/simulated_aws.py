"""A served world and real boto3 clients for it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.world import Account, World

HUB, MEMBER = "111122223333", "222233334444"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{MEMBER}:role/cachemuster"
EXTERNAL_ID = "a-shared-word"

_SESSION = boto3.session.Session()


class Cloud:
    """A hub with a key, a member with a role, both behind a running server."""

    def __init__(self, aws: SimulatedAws, url: str, clients: ExitStack) -> None:
        self.aws = aws
        self.url = url
        self.world = aws.world
        self.hub: Account = self.world.account(HUB)
        self.member: Account = self.world.account(MEMBER)
        self.key: Key = self.hub.add_key("agent")
        self.member.add_role("cachemuster", trusted=[HUB], external_id=EXTERNAL_ID)
        self._clients = clients

    @property
    def region(self) -> Region:
        """The hub's part of the usual region."""
        return self.hub.region(REGION)

    def client(
        self, service: str, key: Key | None = None, region: str = REGION, **config: Any
    ) -> Any:
        """A boto3 client that asks once, with the hub's key unless another one is given."""
        key = key or self.key
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, **config}
        client = cast("Any", _SESSION).client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            aws_session_token=key.token,
            config=Config(**settings),
        )
        self._clients.callback(client.close)
        return client

    def assume(self, **changes: Any) -> Key:
        """The key of a fresh session of the member's role."""
        asked = {"RoleArn": ROLE, "RoleSessionName": "test", "ExternalId": EXTERNAL_ID} | changes
        answer = self.client("sts").assume_role(**asked)
        key = self.world.keys.find(answer["Credentials"]["AccessKeyId"])
        assert key is not None
        return key


@contextmanager
def running(pace: Delays | None = None) -> Iterator[Cloud]:
    """A cloud that is served inside the `with`."""
    with ExitStack() as clients:
        aws = SimulatedAws(World(delays=pace))
        with aws.serve_in_thread() as url, clients:
            yield Cloud(aws, url, clients)


def refusal(error: ClientError) -> tuple[str, int]:
    """Code and HTTP status of an error answer."""
    response: Mapping[str, Any] = error.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def message(error: ClientError) -> str:
    """The words of an error answer."""
    return str(error.response["Error"]["Message"])

"""The `service` section: how the long-running service behaves."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StrictInt

from discovery.config.fields import REGION, DurationRange, HostPort, OneOrMany, Section
from discovery.config.notify import NotifySink
from discovery.config.page import Page, PageMode
from discovery.config.problems import quoted
from discovery.plan.shard import Shard

SHARD: Final = "{shard}"
"""In the name of a queue: the number of the process whose queue it is."""

_QUEUE_PATH = r"/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?"
_QUEUE_URL = rf"https://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?{_QUEUE_PATH}"
_LOCAL_QUEUE_URL = rf"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{{1,5}})?{_QUEUE_PATH}"

_AWS = (
    r"(?:amazonaws\.(?:com(?:\.cn)?|eu)|api\.aws|api\.amazonwebservices\.(?:com\.cn|eu)"
    r"|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
"""What the names of AWS's own hosts end in, partition by partition."""
_HOST = r"https://(?P<host>[a-z0-9.-]+)(?::[0-9]+)?/.*"
_HOSTS_OF_A_REGION = (
    rf"(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.(?P<region>{REGION})\.(?:vpce\.)?{_AWS}"
    rf"|(?P<old>{REGION})\.queue\.{_AWS}"
)
_EXAMPLE = "https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster"
_FIRST_HOST = "queue.amazonaws.com"
"""That of us-east-1, from the time when there was no other region."""


def _queue_url(text: str) -> str:
    place, _, name = text.rpartition("/")
    one = f"{place}/{name.replace(SHARD, '0', 1)}"
    if re.fullmatch(f"{_QUEUE_URL}|{_LOCAL_QUEUE_URL}", one, re.ASCII) is None:
        hint = f"; {SHARD} may be in it once, in the name" if "{" in text else ""
        raise ValueError(f"{quoted(text)} is not a queue URL such as {_EXAMPLE}{hint}")
    if queue_region(text) is None and re.fullmatch(rf"(?:.+\.)?{_AWS}", _host(text)):
        raise ValueError(f"{quoted(text)} names no region: write it such as {_EXAMPLE}")
    return text


def queue_for(queue_url: str, shard: Shard | None) -> str:
    """Return the URL of the queue that a process listens to: its own where there are several.

    Raises: ValueError when one queue would be shared, or `{shard}` has no number to stand for.
    """
    if shard is None:
        if SHARD in queue_url:
            raise ValueError(
                f"service.events.queue_url has {SHARD} in it, which stands for the number of one "
                "of several processes: start this one with --shard I/N, or name a single queue"
            )
        return queue_url
    if SHARD not in queue_url:
        raise ValueError(
            "several processes cannot share one queue, because a change that the wrong one takes "
            f"is lost to the others: make a queue for each, and write {SHARD} for the number into "
            f"service.events.queue_url, such as {queue_url.removesuffix('.fifo')}-{SHARD}"
        )
    return queue_url.replace(SHARD, str(shard.index))


def queue_region(queue_url: str) -> str | None:
    """Return the region that a queue URL of AWS names; None for any other endpoint.

    Source: Amazon SQS endpoints (general reference): `sqs.REGION.…` and `sqs-fips.REGION.…`, also
    under `api.aws` with IPv6; `REGION.queue.…` and `queue.amazonaws.com` of old; and
    `….sqs.REGION.vpce.…` in a VPC.
    """
    host = _host(queue_url)
    if host == _FIRST_HOST:
        return "us-east-1"
    found = re.fullmatch(_HOSTS_OF_A_REGION, host, re.ASCII)
    return (found["region"] or found["old"]) if found else None


def _host(queue_url: str) -> str:
    """Empty for an endpoint on this machine without TLS."""
    found = re.fullmatch(_HOST, queue_url.lower(), re.ASCII)
    return found["host"] if found else ""


class Events(Section):
    """Change events of AWS, so that a new cache is registered within seconds."""

    queue_url: Annotated[str, AfterValidator(_queue_url)]
    """The SQS queue that an EventBridge rule fills. With `--shard I/N` each process needs its
    own: `{shard}` in the name of the queue stands for I."""
    debounce: Annotated[timedelta, DurationRange("0s", "10m")] = timedelta(seconds=5)
    """How long to gather events of one scope before it is scanned. 0s scans for every event;
    long values make a burst cheap and a single change slow."""


class Probe(Section):
    """Logins to registered caches with IAM, at an interval of their own, beside the sweeps."""

    interval: Annotated[timedelta, DurationRange("1m", "7d")] = timedelta(hours=1)
    """How long after the start of one round of logins the next may start; it starts with the end
    of a sweep. Rounds never delay a sweep."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=1000)] = 20
    """How many caches are logged in to at once."""


class Service(Section):
    """How `cachemuster run` behaves."""

    interval: Annotated[timedelta, DurationRange("10s", "7d")] = timedelta(minutes=5)
    """From the start of one sweep to the start of the next. A sweep that takes longer delays the
    next one; two never overlap."""
    jitter: Annotated[timedelta, DurationRange("0s", "1h")] = timedelta(seconds=30)
    """Up to this much is added to each interval at random, so that many agents do not start at
    once. 0s: none."""
    sweep_timeout: Annotated[timedelta, DurationRange("10s", "1d")] = timedelta(minutes=15)
    """When a sweep stops to begin new scopes. What was not reached is held, never removed."""
    listen: HostPort = HostPort("127.0.0.1", 9808)
    """Where health and metrics are served, as host:port. `"*:9808"`, in quotes, is every address of
    both families, IPv4 and IPv6; `0.0.0.0` is IPv4 alone, `[::]` IPv6 alone. Port 0 takes any free
    one."""
    page: Page = PageMode.NONE
    """Whether the last report is shown at `/`, and its document at `/report.json`, where `listen`
    says. `loopback`: to everybody on this machine; `listen` then has to be on it. `{bearer:
    "file:/path"}`: to whoever sends that token."""
    events: Events | None = None
    """Default: no events, only the interval."""
    probe: Probe | None = None
    """Default: no logins are tried. They see the network of the host that the service runs on, and
    decide neither what is registered nor the label `cachemuster/iam-auth`."""
    notify: Annotated[
        tuple[NotifySink, ...], Field(max_length=20), OneOrMany(may_be_empty=True)
    ] = ()
    """Who is told when something happens, by webhook. Default: nobody. It never delays a sweep."""
    scope_metrics_limit: Annotated[StrictInt, Field(ge=0, le=100_000)] = 500
    """How many scopes get metrics of their own. Beyond it only totals are kept, because every
    scope costs a time series per metric. 0: totals only."""

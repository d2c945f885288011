"""`cachemuster sandbox`: run the simulated AWS and Teleport alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from discovery.cli.options import common, with_common
from discovery.reports.exit import Exit

# What `discovery.sandbox.generated_world` has, spelled here so that help loads nothing of it.
MOST_ACCOUNTS: Final = 10_000
MOST_REGIONS: Final = 17
SPREADS: Final = ("even", "typical")


@click.command(name="sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The simulated AWS listens there instead of on a free port.",
)
@click.option(
    "--teleport-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The simulated Teleport's Proxy Service listens there instead of on a free port.",
)
@click.option(
    "--world",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The cloud that this YAML file describes.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, MOST_ACCOUNTS),
    metavar="N",
    help="A generated cloud of N accounts.",
)
@click.option(
    "--regions",
    type=click.IntRange(1, MOST_REGIONS),
    metavar="N",
    help="Regions of every account of it.  [default: 5]",
)
@click.option(
    "--caches",
    type=click.IntRange(min=0),
    metavar="N",
    help="Caches in all of it.  [default: 1000]",
)
@click.option(
    "--spread",
    type=click.Choice(SPREADS),
    help="Caches in every scope, or in one of five.  [default: typical]",
)
@click.option("--seed", type=int, metavar="N", help="Another seed, another cloud.  [default: 0]")
@click.option(
    "--latency-ms",
    type=click.FloatRange(0, 60_000),
    default=0.0,
    metavar="MS",
    help="Time a call takes, on average: half in the nearest region, half as much again in the "
    "farthest.",
)
@with_common
def command(
    port: int,
    teleport_port: int,
    file: Path | None,
    accounts: int | None,
    regions: int | None,
    caches: int | None,
    spread: str | None,
    seed: int | None,
    latency_ms: float,
) -> Exit:
    """Run a simulated AWS and a simulated Teleport on 127.0.0.1 until Ctrl-C.

    How to reach them is printed: variables for AWS, and parts of a configuration. AWS speaks the
    wire formats of STS, ElastiCache Serverless, the tagging API, SQS, Organizations and parts of
    EC2; an unmodified AWS CLI or SDK can create, tag and delete caches in it, and a queue receives
    every change. Its content is a small demonstration, a generated organization, or that of a file.

    Its caches answer over TLS on a port of their own, the endpoint's host being the SNI. They check
    IAM tokens as AWS does, and know AUTH, HELLO, PING, ACL WHOAMI and QUIT.

    For an agent without keys, as in a pod: POST {} as application/json to /_sandbox/web-identity
    of the AWS URL answers a token, for the file of AWS_WEB_IDENTITY_TOKEN_FILE, and a role.

    Teleport is a cluster behind one TLS port, as with its Proxy Service, and a port of its Auth
    Service, with a bot's identity file that is renewed, and a person's for adopt and release. As in
    a real one, reads lag behind writes by up to a second.

    \b
    A file for --world; only ids and names must be there:
      organization: {units: [{id: ou-ab12-00000001, accounts: ["222233334444"]}]}
      accounts:
        - id: "111122223333"
          regions:
            - name: eu-central-1
              users: [{id: app, access_string: "on ~* +@read"}]
              groups: [{id: people, users: [app]}]
              caches:
                - {name: orders, group: people, tags: {env: prod}, age: 90d}
                - {name: carts, engine: redis, version: "7", status: modifying}
        - id: "222233334444"
          roles:
            - {name: cachemuster, trusted: ["111122223333"], external_id: demo}

    \b
    Examples:
      cachemuster sandbox
      cachemuster sandbox --port 4566 > sandbox.env
      . ./sandbox.env && aws elasticache describe-serverless-caches
      cachemuster sandbox --accounts 100 --caches 1000 --latency-ms 100
    """
    import asyncio

    from discovery.cli.sandbox_servers import choose_cloud, serve

    common()
    numbers = {"regions": regions, "caches": caches, "spread": spread, "seed": seed}
    demo = choose_cloud(file, accounts, {name: n for name, n in numbers.items() if n is not None})
    asyncio.run(serve(demo, port, teleport_port, latency_ms / 1000))
    return Exit.DONE

"""Start the simulated cloud and cluster of `cachemuster quickstart`, and run its tour."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from discovery.cli.settings import VARIABLE
from discovery.cli.tour import Tour
from discovery.probe.variables import SANDBOX_CACHES
from discovery.reports.exit import Exit
from discovery.sandbox.agent_world import environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.data_plane.client_files import write_client_files
from discovery.sandbox.data_plane.server import SimulatedCaches
from discovery.sandbox.demo import CONNECT_ROLE_NAME, EXTERNAL_ID, ROLE_NAME, build_demo
from discovery.sandbox.teleport.demo import build_cluster, issue, section
from discovery.sandbox.teleport.server import SimulatedTeleport

CONFIGURATION = f"""\
version: 1
group: quickstart                # who owns what is registered
state: {{path: cachemuster.db}}    # what is remembered between sweeps
aws:
  regions: ["*"]                 # every region that is enabled
  accounts:
    - organization:              # all of its accounts, also those that join later
        role_name: {ROLE_NAME}
        external_id: file:%(secret)s
matchers:                        # which caches are wanted
  - name: live
    tags: {{env: [prod, staging]}}
    exclude_tags: {{teleport: "off"}}
    labels: {{account: "{{account_name}}"}}
    connect:                     # with which role people get in
      assume_role_arn: "arn:{{partition}}:iam::{{account_id}}:role/{CONNECT_ROLE_NAME}"
reports: {{owner_tag: team}}       # whose a cache is
deregistration:
  missed_sweeps: 2               # how often a cache must be missing
  grace: 0s                      # and for how long; usually 10m
"""
"""Configuration of the tour, without its control plane."""


def run_tour(directory: Path, *, verbosity: int) -> Exit:
    """Write a configuration into the directory, and run every step of the tour with it."""
    path = directory / "cachemuster.yaml"
    secret = directory / "external-id"
    secret.touch(mode=0o600)
    secret.write_text(EXTERNAL_ID, "utf-8")
    demo = build_demo()
    aws, teleport = SimulatedAws(demo.world), SimulatedTeleport(build_cluster())
    caches = SimulatedCaches(demo.world)
    with (
        aws.serve_in_thread() as url,
        teleport.serve_in_thread() as at,
        caches.serve_in_thread() as data_plane,
    ):
        identities = issue(teleport.cluster, directory)
        cluster = section(at.proxy, identities.bot)
        path.write_text(CONFIGURATION % {"secret": secret} + cluster, "utf-8")
        variables = {
            **environment(demo, url),
            VARIABLE: str(path),
            SANDBOX_CACHES: str(write_client_files(caches, data_plane, directory)),
        }
        with _isolated_environment(variables):
            return Tour(aws, path, verbosity=verbosity).run_steps()


@contextmanager
def _isolated_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables, and remove all that could lead the SDK to a real account or a proxy."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(
        {
            **variables,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

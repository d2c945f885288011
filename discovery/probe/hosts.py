"""Where a cache is dialled, whose certificate it must have, and whether it may get a token.

A token is sent to hosts under AWS's own cache domains. Where an AWS endpoint override is in force,
AWS is simulated or behind a proxy, and its answers name the hosts; then a file that
CACHEMUSTER_SANDBOX_CACHES names may say at which addresses of this machine they are.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from discovery.config.partitions import DNS_SUFFIX
from discovery.config.problems import ConfigError, Problem
from discovery.model.values import Endpoint
from discovery.probe.login import Server
from discovery.probe.variables import SANDBOX_CACHES

_ANY: Final = "*"
_NAME: Final = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,63}")
_PLACE: Final = re.compile(r"(?P<host>[0-9.]+|\[[0-9a-f:]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Hosts:
    """The hosts that may be dialled."""

    is_overridden: bool = False
    """True where an AWS endpoint override is in force."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Where a host and port is dialled instead; `*` for all others."""
    ca_file: str | None = None
    """CA certificates to trust instead of the system's."""

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """TLS 1.2 or later, with chain and host name verified. Raises: OSError."""
        made = ssl.create_default_context(cafile=self.ca_file)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        return made

    def server(self, endpoint: Endpoint, partition: str) -> Server | None:
        """Find where a cache is dialled; None where a token must not be sent."""
        host = endpoint.address.lower().rstrip(".")
        if not self.is_overridden and not is_cache_host(host, partition):
            return None
        dial = self.places.get(f"{host}:{endpoint.port}") or self.places.get(_ANY)
        return Server(host, endpoint.port, dial)


def is_cache_host(host: str, partition: str) -> bool:
    """Tell whether a host is one of AWS's own for caches (aws/README: ARNs and hosts)."""
    suffix = DNS_SUFFIX.get(partition)
    if suffix is None or _NAME.fullmatch(host) is None:
        return False
    return host.endswith(f".cache.{suffix}")


def find_hosts(environ: Mapping[str, str], *, is_overridden: bool) -> Hosts:
    """Read the file of a sandbox's caches where an AWS endpoint override is in force.

    Without an override the variable is not looked at. Raises: ConfigError.
    """
    name = environ.get(SANDBOX_CACHES)
    if not is_overridden or not name:
        return Hosts(is_overridden=is_overridden)
    try:
        content = json.loads(Path(name).read_text("utf-8"))
        places = {host: _place(text) for host, text in content["hosts"].items()}
        found = Hosts(is_overridden=True, places=places, ca_file=str(content["ca_file"]))
        found.tls.get_ca_certs()  # that the file can be read shows before the first login
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            [
                Problem(
                    f"{SANDBOX_CACHES} names {name}, which does not say where the sandbox's caches "
                    "are; take the line that `cachemuster sandbox` prints, or unset it"
                )
            ],
            name,
        ) from error


def _place(text: Any) -> tuple[str, int]:
    found = _PLACE.fullmatch(str(text))
    if found is None:
        raise ValueError(text)
    return found["host"].strip("[]"), int(found["port"])

"""A token goes to AWS's own cache hosts; elsewhere only where AWS itself is somewhere else."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from discovery.config.partitions import DNS_SUFFIX
from discovery.config.problems import ConfigError
from discovery.model.values import Endpoint
from discovery.probe.hosts import Hosts, find_hosts, is_cache_host
from discovery.probe.login import Server
from discovery.probe.variables import SANDBOX_CACHES
from tests.support.tls_authority import TlsAuthority

HOST = "orders-abc123.serverless.euc1.cache.amazonaws.com"


@pytest.mark.parametrize("partition", DNS_SUFFIX)
def test_hosts_of_each_partition_are_its_own(partition: str) -> None:
    own = f"orders-abc123.serverless.x1.cache.{DNS_SUFFIX[partition]}"
    assert is_cache_host(own, partition)
    assert is_cache_host(own.replace(".serverless", ".public.serverless"), partition)
    others = [other for other in DNS_SUFFIX if DNS_SUFFIX[other] != DNS_SUFFIX[partition]]
    assert not any(is_cache_host(own, other) for other in others)


@pytest.mark.parametrize(
    "host",
    [
        "orders.example.com",
        "orders.cache.amazonaws.com.example.com",
        "ordersXcache.amazonaws.com",
        "evilcache.amazonaws.com",
        "cache.amazonaws.com",
        ".cache.amazonaws.com",
        "orders.cache.amazonaws.com:6379",
        "user@orders.cache.amazonaws.com",
        "orders.cache.amazonaws.com\n",
        "orders .cache.amazonaws.com",
        "orders/.cache.amazonaws.com",
        "127.0.0.1",
        "localhost",
        "",
    ],
)
def test_no_other_host_gets_a_token(host: str) -> None:
    assert not is_cache_host(host, "aws")
    assert Hosts().server(Endpoint(host, 6379), "aws") is None


def test_an_unknown_partition_has_no_hosts() -> None:
    assert not is_cache_host(HOST, "aws-moon")


def test_case_and_a_final_dot_do_not_matter() -> None:
    assert Hosts().server(Endpoint(f"{HOST.upper()}.", 6379), "aws") == Server(HOST, 6379)


def test_with_an_override_every_host_is_dialled() -> None:
    found = find_hosts({}, is_overridden=True).server(Endpoint("orders.example.com", 1), "aws")
    assert found == Server("orders.example.com", 1)


def test_the_file_of_the_sandbox_says_where_caches_are(tmp_path: Path) -> None:
    file = tmp_path / "caches.json"
    places = {f"{HOST}:6379": "127.0.0.1:7001", "*": "127.0.0.1:7000"}
    ca_file = str(TlsAuthority(tmp_path).file)
    file.write_text(json.dumps({"ca_file": ca_file, "hosts": places}), "utf-8")
    environ = {SANDBOX_CACHES: str(file)}
    found = find_hosts(environ, is_overridden=True)
    assert found.ca_file == ca_file
    named, other = Endpoint(HOST, 6379), Endpoint(HOST, 6380)
    assert found.server(named, "aws") == Server(HOST, 6379, ("127.0.0.1", 7001))
    assert found.server(other, "aws") == Server(HOST, 6380, ("127.0.0.1", 7000))
    assert find_hosts(environ, is_overridden=False) == Hosts()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"ca_file": "x", "hosts": []}',
        '{"ca_file": "x", "hosts": {"*": "cache.example.com:6379"}}',
        '{"ca_file": "x", "hosts": {"*": "127.0.0.1"}}',
        '{"ca_file": "/no/such/file", "hosts": {"*": "127.0.0.1:7000"}}',
    ],
)
def test_a_file_that_says_something_else_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "caches.json"
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=SANDBOX_CACHES):
        find_hosts({SANDBOX_CACHES: str(file)}, is_overridden=True)


def test_certificates_and_names_are_verified() -> None:
    tls = Hosts().tls
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2

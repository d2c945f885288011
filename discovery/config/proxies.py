"""Read the variables that name a forward proxy and the hosts exempt from it.

AWS and Teleport are reached by the same rules: `NO_PROXY` as Go's programs read it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

HTTPS_PROXY: Final = ("HTTPS_PROXY", "https_proxy")
PROXIES: Final = (*HTTPS_PROXY, "HTTP_PROXY", "http_proxy")
_UNESCAPED: Final = re.compile(r"[#/?\[\]\\\s]")
"""What ends the host of a URL, or may not be in it: in a password it has to be escaped."""


def proxy_problem(environ: Mapping[str, str], names: Iterable[str] = PROXIES) -> str | None:
    """Return why a variable is no URL of a proxy, without repeating it; None when all are."""
    for name in names:
        value = environ.get(name)
        if value and not _is_url(value):
            # No at sign behind the slashes: what is between them would be hidden as a password.
            return (
                f"{name} is no URL of a proxy, such as http://proxy.example.com:3128. In user and "
                "password escape what has a meaning in a URL: # is %23, / is %2F, ? is %3F, [ is "
                "%5B, ] is %5D, \\ is %5C, a blank is %20, the at sign is %40, % is %25"
            )
    return None


def _is_url(value: str) -> bool:
    scheme, colon, rest = value.rpartition("://") if "@" not in value else value.partition("://")
    user, _, place = (rest if colon else value).rpartition("@")
    if _UNESCAPED.search(user):
        return False
    try:
        url = urlsplit(f"{scheme or 'http'}://{place}")
        return bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False


def https_proxy(environ: Mapping[str, str], host: str, port: int) -> str | None:
    """Return the URL of the proxy for a host that is spoken to with TLS, None to go straight.

    As in Go, this machine is never asked through a proxy. `proxy_problem` says whether the URL can
    be used.
    """
    text = next((environ[name] for name in HTTPS_PROXY if environ.get(name)), "")
    if not text or is_loopback(host) or is_exempt(environ, host, port):
        return None
    return text if "://" in text else f"http://{text}"


def is_exempt(environ: Mapping[str, str], host: str, port: int) -> bool:
    """Return whether `NO_PROXY` names the host: by name, domain, address or range, and port."""
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    address = _address(host)
    return any(
        _covers(entry, host.lower().rstrip("."), port, address)
        for entry in (one.strip().lower() for one in exceptions.split(","))
        if entry
    )


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _covers(
    entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if entry == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    name, colon, wanted_port = entry.rpartition(":")
    if colon and re.fullmatch("[0-9]{1,5}", wanted_port):
        if int(wanted_port) != port:
            return False
        entry = name.strip("[]")
    if address is not None:
        return entry == str(address)
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else f".{host}".endswith(f".{entry}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

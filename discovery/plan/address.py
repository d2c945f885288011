"""The address behind a URI, in whatever form Teleport takes it. Pure."""

from __future__ import annotations

import re

_DEFAULT_PORT = "6379"


def address_of(uri: str) -> str:
    """Host and port in lower case, of a URI in any form that Teleport takes for `redis`
    (teleport/README: Validation)."""
    place = re.split("[/?]", uri.rpartition("://")[2], maxsplit=1)[0].lower()
    host, colon, port = place.rpartition(":")
    return place if colon and port.isdigit() and host else f"{place.rstrip(':')}:{_DEFAULT_PORT}"

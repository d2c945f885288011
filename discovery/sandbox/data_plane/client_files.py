"""Files that lead clients from the endpoints of simulated caches to the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

from discovery.sandbox.data_plane.server import SimulatedCaches

CA_FILE = "caches-ca.pem"
"""Name of the file with the authority's certificate, beside the map."""


def write_client_files(caches: SimulatedCaches, address: str, directory: Path) -> Path:
    """Write the authority's certificate and the map of hosts; return the path of the map.

    `*` stands for every endpoint: which cache is meant, its host name says in TLS.
    """
    ca_file, hosts_file = directory / CA_FILE, directory / "caches.json"
    ca_file.write_text(caches.ca_pem, "utf-8")
    document = {"ca_file": str(ca_file.resolve()), "hosts": {"*": address}}
    hosts_file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return hosts_file

"""What an access string allows; held to a real server in the data plane's contract tests."""

from __future__ import annotations

import pytest

from discovery.sandbox.data_plane.access import PING, WHOAMI, allows, is_on


@pytest.mark.parametrize(
    ("access_string", "on"),
    [
        ("on ~* +@all", True),
        ("off ~* +@all", False),
        ("~* +@all", False),
        ("", False),
        ("ON ~* +@all", True),
        ("on off", False),
        ("off on", True),
        ("off (on)", False),
    ],
)
def test_who_is_on(access_string: str, on: bool) -> None:
    assert is_on(access_string) is on


@pytest.mark.parametrize(
    ("rules", "ping", "whoami"),
    [
        ("", False, False),
        ("+@all", True, True),
        ("allcommands", True, True),
        ("-@all +@read +@write", False, False),
        ("-@all +@connection", True, False),
        ("-@all +@fast", True, False),
        ("-@all +@slow", False, True),
        ("-@all +ping", True, False),
        ("-@all +acl", False, True),
        ("-@all +ACL|WhoAmI", False, True),
        ("+@all -ping", False, True),
        ("+@all -acl|whoami", True, False),
        ("+@all -@slow", True, False),
        ("+ping -@all", False, False),
        ("+@all nocommands", False, False),
        ("-@all (+ping ~x)", False, False),
    ],
)
def test_what_is_allowed(rules: str, ping: bool, whoami: bool) -> None:
    access_string = f"on ~* {rules}"
    assert (allows(access_string, PING), allows(access_string, WHOAMI)) == (ping, whoami)

"""Access strings: what the server makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.aws.services.elasticache_user_input import expand_access_string


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("on ~* +@all", "on ~* +@all"),
        ("on ~app::* -@all +@read", "on ~app::* -@all +@read"),
        ("on ~app::* +@read", "on ~app::* -@all +@read"),
        ("off +get ~keys*", "off ~keys* -@all +get"),
        ("~* +@all", "off ~* +@all"),
        ("on off", "off -@all"),
        ("off ~a on ~b", "on ~a ~b -@all"),
        ("ON ALLKEYS allcommands allchannels", "on ~* &* +@all"),
        ("on %R~x &c -GET", "on %R~x &c -@all -get"),
        ("on nocommands +get", "on -@all +get"),
    ],
)
def test_expansion(text: str, stored: str) -> None:
    assert expand_access_string(text) == stored


@pytest.mark.parametrize(
    "text", ["on >secret", "<secret", "#hash", "!hash", "nopass", "resetpass", "reset", "+", "what"]
)
def test_rules_that_it_may_not_have(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid access string"):
        expand_access_string(text)


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="with a password") as caught:
        expand_access_string("on >hunter2hunter2")
    assert "hunter2" not in str(caught.value)


RULES = st.sampled_from(
    ["on", "off", "~*", "~a:*", "allkeys", "&*", "+@all", "-@all", "+get", "-@read", "nocommands"]
)


@given(st.lists(RULES, min_size=1))
def test_what_is_stored_stands(rules: list[str]) -> None:
    stored = expand_access_string(" ".join(rules))
    assert expand_access_string(stored) == stored
    states = [rule for rule in rules if rule in ("on", "off")]
    assert stored.split()[0] == (states[-1] if states else "off")

"""What requests say of a user of ElastiCache: how it logs in, and its access string.

Sources: aws/README: Answers and aws/README: Users and groups (the last of `on` and `off` wins,
neither given is `off`; no passwords, no `reset`); messages: terraform-provider-aws #24273,
provider-upjet-aws #151.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from discovery.sandbox.aws.services.elasticache import invalid_combination, invalid_value
from discovery.sandbox.aws.services.service import Parameters
from discovery.sandbox.aws.values import hash_password

_INPUT_TYPES: Mapping[str, str] = {
    "password": "password",
    "no-password-required": "no-password",
    "iam": "iam",
}
"""Authentication types as requests spell them, and as answers do."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a user logs in."""

    type: str
    password_hashes: tuple[str, ...] = ()
    """As `User.password_hashes`."""


def read_authentication(params: Parameters) -> Authentication | None:
    """Return how the user logs in, or None when the request does not say.

    Raises InvalidParameterValue or InvalidParameterCombination.
    """
    mode = params.structure("AuthenticationMode")
    if "AuthenticationMode" in params and ("NoPasswordRequired" in params or "Passwords" in params):
        raise invalid_combination(
            "AuthenticationMode cannot be used with Passwords or NoPasswordRequired"
        )
    passwords = params.texts("Passwords") + mode.texts("Passwords")
    if "AuthenticationMode" in params:
        kind = _INPUT_TYPES.get(mode.text("Type"))
        if kind is None:
            raise invalid_value(
                f"Input Authentication type: {mode.optional_text('Type') or 'null'} is not in the "
                f"allowed list: [{','.join(_INPUT_TYPES)}]"
            )
    elif params.flag("NoPasswordRequired"):
        kind = "no-password"
    elif passwords:
        kind = "password"
    else:
        return None
    _check_passwords(kind, passwords)
    return Authentication(kind, tuple(hash_password(password) for password in passwords))


def _check_passwords(kind: str, passwords: tuple[str, ...]) -> None:
    if kind != "password" and passwords:
        raise invalid_combination(f"Passwords cannot be used with authentication type: {kind}")
    if kind == "password" and not 1 <= len(passwords) <= 2:
        raise invalid_value("A user has one or two passwords.")
    if not all(16 <= len(password) <= 128 for password in passwords):
        raise invalid_value("Passwords length must be between 16-128 characters.")


_COMMAND_WORDS = {"allcommands": "+@all", "nocommands": "-@all"}
_KEY_WORDS = {"allkeys": "~*", "resetkeys": "resetkeys"}
_CHANNEL_WORDS = {"allchannels": "&*", "resetchannels": "resetchannels"}


def expand_access_string(text: str) -> str:
    """Return the access string as the server stores it: state, keys, channels, commands.

    Commands begin with nothing allowed unless they say otherwise. Raises ValueError, with what is
    wrong, for a rule that an access string may not have.
    """
    state = "off"
    keys: list[str] = []
    channels: list[str] = []
    commands: list[str] = []
    for rule in text.split():
        word = rule.lower()
        if word in ("on", "off"):
            state = word
        elif word in _KEY_WORDS or rule[0] in "~%":
            keys.append(_KEY_WORDS.get(word, rule))
        elif word in _CHANNEL_WORDS or rule[0] == "&":
            channels.append(_CHANNEL_WORDS.get(word, rule))
        elif word in _COMMAND_WORDS or (rule[0] in "+-" and len(rule) > 1):
            commands.append(_COMMAND_WORDS.get(word, word))
        else:
            raise ValueError(f"Invalid access string: unexpected rule {_shown(rule)}")
    if not commands or commands[0] not in ("+@all", "-@all"):
        commands.insert(0, "-@all")
    return " ".join([state, *keys, *channels, *commands])


def _shown(rule: str) -> str:
    return "with a password" if rule[0] in "><#!" else f"'{rule}'"

"""Access strings of ElastiCache users: what the server makes of them. Pure.

Sources: aws/README: Answers (server-expanded) and aws/README: Users and groups (the last of `on`
and `off` wins, neither given is `off`; no passwords, no `reset`).
"""

_COMMAND_WORDS = {"allcommands": "+@all", "nocommands": "-@all"}
_KEY_WORDS = {"allkeys": "~*", "resetkeys": "resetkeys"}
_CHANNEL_WORDS = {"allchannels": "&*", "resetchannels": "resetchannels"}


def expand_access_string(text: str) -> str:
    """`text` as the server stores it: state, keys, channels, commands.

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

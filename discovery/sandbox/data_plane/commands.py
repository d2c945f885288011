"""One client's commands and the engine's replies: `HELLO`, `AUTH`, `PING`, `ACL WHOAMI`, `QUIT`.

Whatever else a client sends is unknown here. Texts are those of Redis OSS 7.0, held to Debian's
redis-server by a test; only `NOAUTH` comes sooner: before login it is the answer to every command
that the simulation does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from discovery.sandbox.aws.values import User
from discovery.sandbox.data_plane import access
from discovery.sandbox.data_plane.caches import DEFAULT, ServedCache
from discovery.sandbox.data_plane.login import refuse_login
from discovery.sandbox.data_plane.resp import Error, Reply, Simple, as_text

OK: Final = Simple("OK")
WRONGPASS: Final = Error("WRONGPASS invalid username-password pair or user is disabled.")
NOAUTH: Final = Error("NOAUTH Authentication required.")
_NO_PASSWORD_SET: Final = Error(
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?"
)
_HELLO_FIRST: Final = Error(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time"
)
_NOT_A_VERSION: Final = Error("ERR Protocol version is not an integer or out of range")
_BAD_NAME: Final = Error("ERR Client names cannot contain spaces, newlines or special characters.")

_VERSION = re.compile(rb"0|-?[1-9][0-9]{0,17}")
_CLIENT_NAME = re.compile(rb"[!-~]*")
_SHOWN = 128
"""Bytes of an unknown command, and of its arguments, that the refusal repeats."""

Words = Sequence[bytes]


class Commands:
    """Answers the commands of one connection."""

    def __init__(self, served: ServedCache, number: int) -> None:
        """Begin as the default user, where that one needs no password."""
        self.version = 2
        """Of the protocol, in which replies are to be encoded."""
        self.closes = False
        """Whether the connection ends after the latest reply."""
        self.refusal: str | None = None
        """Why the latest login was refused, for the log alone."""
        self._served = served
        self._number = number
        default = served.users().get(DEFAULT)
        self.user: str | None = DEFAULT if _is_open(default) else None
        """Name of the user who is logged in."""
        self._known: Mapping[str, Callable[[Words], Reply]] = {
            "AUTH": self._auth,
            "HELLO": self._hello,
            "PING": self._ping,
            "ACL": self._acl,
            "QUIT": self._quit,
        }

    def is_current(self) -> bool:
        """Bring cache and users up to date; return whether the connection may go on.

        It ends with the cache, and when the user is taken out of the cache's group. Who only loses
        `elasticache:Connect` stays.
        """
        served = self._served.refresh()
        if served is None or (self.user is not None and self.user not in served.users()):
            return False
        self._served = served
        return True

    def answer(self, words: Words) -> Reply:
        """Do what a command asks, and return the reply."""
        self.refusal = None
        act = self._known.get(name_of(words))
        if act is None:
            return NOAUTH if self.user is None else _unknown(words)
        return act(words[1:])

    def _quit(self, _: Words) -> Reply:
        self.closes = True
        return OK

    def _auth(self, arguments: Words) -> Reply:
        match arguments:
            case []:
                return _wrong_number("auth")
            case [password]:
                default = self._served.users().get(DEFAULT)
                if default is not None and default.authentication == "no-password":
                    return _NO_PASSWORD_SET
                return self._log_in(DEFAULT.encode(), password)
            case [name, password]:
                return self._log_in(name, password)
            case _:
                return Error("ERR syntax error")

    def _log_in(self, name: bytes, password: bytes) -> Reply:
        user = as_text(name)
        self.refusal = refuse_login(self._served, user, as_text(password))
        if self.refusal is not None:
            return WRONGPASS
        self.user = user
        return OK

    def _hello(self, arguments: Words) -> Reply:
        version, options = self.version, list(arguments)
        if options:
            asked = options.pop(0)
            if _VERSION.fullmatch(asked) is None:
                return _NOT_A_VERSION
            version = int(asked)
            if version not in (2, 3):
                return Error("NOPROTO unsupported protocol version")
        if (refused := self._follow_options(options)) is not None:
            return refused
        if self.user is None:
            return _HELLO_FIRST
        self.version = version
        return self._description()

    def _follow_options(self, options: Words) -> Reply | None:
        """Do what HELLO's options ask, one after the other; return the first refusal."""
        left = list(options)
        while left:
            match [left[0].upper(), *left[1:]]:
                case [b"AUTH", name, password, *left]:
                    if (reply := self._log_in(name, password)) is not OK:
                        return reply
                case [b"SETNAME", name, *left]:
                    if _CLIENT_NAME.fullmatch(name) is None:
                        return _BAD_NAME
                case [_, *_]:
                    return Error(f"ERR Syntax error in HELLO option '{as_text(left[0])}'")
        return None

    def _description(self) -> Reply:
        cache = self._served.cache
        return {
            "server": cache.engine.encode(),
            "version": f"{cache.full_version}.0".encode(),
            "proto": self.version,
            "id": self._number,
            "mode": b"cluster",  # as every serverless cache
            "role": b"master",
            "modules": (),
        }

    def _ping(self, arguments: Words) -> Reply:
        if (refused := self._check(access.PING)) is not None:
            return refused
        match arguments:
            case []:
                return Simple("PONG")
            case [text]:
                return text
            case _:
                return _wrong_number("ping")

    def _acl(self, arguments: Words) -> Reply:
        if not arguments:
            return _wrong_number("acl")
        if arguments[0].upper() != b"WHOAMI":
            if self.user is None:
                return NOAUTH
            shown = as_text(arguments[0][:_SHOWN])
            return Error(f"ERR unknown subcommand '{shown}'. Try ACL HELP.")
        if arguments[1:]:
            return _wrong_number(access.WHOAMI)
        if (refused := self._check(access.WHOAMI)) is not None:
            return refused
        return (self.user or "").encode("utf-8", "surrogateescape")

    def _check(self, command: str) -> Error | None:
        """Return why the user may not run the command; None when he may."""
        if self.user is None:
            return NOAUTH
        if access.allows(self._served.users()[self.user].access_string, command):
            return None
        return Error(f"NOPERM this user has no permissions to run the '{command}' command")


def name_of(words: Words) -> str:
    """Return the command's name in capitals."""
    return as_text(words[0]).upper()


def _is_open(user: User | None) -> bool:
    return (
        user is not None
        and user.authentication == "no-password"
        and access.is_on(user.access_string)
    )


def _wrong_number(command: str) -> Error:
    return Error(f"ERR wrong number of arguments for '{command}' command")


def _unknown(words: Words) -> Error:
    arguments = b""
    for word in words[1:]:
        if len(arguments) >= _SHOWN:
            break
        arguments += b"'%b' " % word[: _SHOWN - len(arguments)]
    shown = as_text(words[0][:_SHOWN])
    return Error(f"ERR unknown command '{shown}', with args beginning with: {as_text(arguments)}")

"""A cache of the sandbox answers word for word as a real server does (Redis OSS 7.0).

Both get the same users, with the same access strings, and the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.simulated_caches import DataPlane, pack, sign

SERVER = shutil.which("redis-server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason="no server here: apt-get install redis-server"),
]

USERS = {
    "everything": "on ~* +@all",
    "reader": "on ~* -@all +@read",
    "pinger": "on ~* -@all +ping",
    "asker": "on ~* -@all +acl|whoami",
    "connected": "on ~* -@all +@connection",
    "slow": "on ~* -@all +@slow",
    "quiet": "on ~* +@all -ping",
    "nobody": "off ~* +@all",
}
QUIT = pack("QUIT")


def commands(text: str) -> bytes:
    """One command a line, its words between spaces; `_` stands for a space."""
    lines = (line.split() for line in text.strip().splitlines())
    return b"".join(pack(*(word.replace("_", " ") for word in line)) for line in lines) + QUIT


BEFORE_LOGIN = {
    "commands of others": commands("PING\nGET k\nSET k v\nCLIENT LIST\nCLUSTER SLOTS\nACL LIST"),
    "commands of ours": commands("PING\nPING a\nPING a b\nACL WHOAMI\nACL\nACL WHOAMI x"),
    "AUTH": commands("AUTH\nAUTH a\nAUTH a b\nAUTH a b c\nauth nobody {nobody}\nPING"),
    "HELLO": commands("HELLO\nHELLO 2\nHELLO 3\nHELLO 3 SETNAME a"),
    "HELLO of no version": commands(
        "HELLO 1\nHELLO 4\nHELLO x\nHELLO 03\nHELLO +3\nHELLO -3\n"
        "HELLO 99999999999999999999\nHELLO 3_"
    ),
    "HELLO with other options": commands(
        "HELLO 3 FOO\nHELLO 3 AUTH\nHELLO 3 AUTH a\nHELLO 3 SETNAME\n"
        "HELLO 2 AUTH a b FOO\nHELLO AUTH"
    ),
    "HELLO with a wrong login": commands("HELLO 3 AUTH everything b\nHELLO\nPING"),
    "a name that is none": commands("HELLO 3 AUTH everything {everything} SETNAME a_b\nPING"),
    "QUIT with words": pack("QUIT", "now"),
    "typed": (
        b'\r\nPING\r\nAUTH everything "{everything}"\n'
        b"PING \"a\\n\\x41\\qb\"\nPING 'a\\'b'\r\nQUIT\n"
    ),
    "typed with open quotes": b'PING "a\r\nPING\r\n',
    "typed with closed quotes inside": b'PING "a"b\r\n',
    "no number of words": b"*x\r\n",
    "a number with a zero": b"*01\r\n",
    "a number that is too large": b"*99999999999999999999\r\n",
    "too many words": b"*11\r\n",
    "no words": b"*0\r\n*-1\r\n*-7\r\n" + QUIT,
    "no word": b"*1\r\n!4\r\nPING\r\n",
    "an empty line for a word": b"*1\r\n\r\n",
    "no length": b"*1\r\n$x\r\n",
    "a negative length": b"*1\r\n$-1\r\n",
    "too long a word": b"*1\r\n$16385\r\n",
    "a long word": pack("AUTH", "a", "b" * 16384) + QUIT,
    "a long number": b"*1\r\n$" + b"1" * 70_000,
    "many words' number": b"*" + b"1" * 70_000,
    "a long line": b"x" * 70_000,
    "after a command": pack("PING") + b"*1\r\n:1\r\n",
}
AFTER_LOGIN = {
    "PING": commands("PING\nping\nPING a_b\nPING a b\nHELLO 3\nPING\nPING a"),
    "WHOAMI": commands("ACL WHOAMI\nacl whoami\nACL WhoAmI x\nACL\nACL FOO\nHELLO 3\nACL WHOAMI"),
    "HELLO": commands("HELLO\nHELLO 3\nHELLO\nHELLO 2\nHELLO 3 SETNAME a\nHELLO 5\nHELLO 2 FOO"),
    "AUTH again": commands(
        "AUTH reader {reader}\nPING\nAUTH a b\nAUTH everything {everything}\nPING"
    ),
    "what there is not": commands("FOO\nFOO a\nfoo a_b c\nFOO _") + QUIT,
    "what there is not, at length": (
        pack("F" * 200, "a" * 100, "b" * 100, "c")
        + pack("FOO", *["a"] * 100)
        + pack("FOO", b"a\r\nb", b"\xff\xfe", "\u00e9")
        + pack(b"\xc3", b"x")
        + pack("")
        + pack("", "")
        + pack("ACL", "G" * 200)
        + pack("ACL", b"a\nb")
        + QUIT
    ),
    "too long a word": b"*1\r\n$536870913\r\n",
    "more words than before login": pack("FOO", *["a"] * 20) + QUIT,
}


@dataclass(frozen=True)
class Server:
    """A real server that listens on a socket file."""

    socket: Path

    async def ask_all(self, raw: bytes) -> bytes:
        """Send bytes, and return all that comes until the server ends."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        writer.write(raw)
        answer = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return answer


@asynccontextmanager
async def running(directory: Path, users: list[str]) -> AsyncIterator[Server]:
    """A real server with these users."""
    assert SERVER is not None
    accounts, socket = directory / "users.acl", directory / "socket"
    accounts.write_text("".join(f"user {user}\n" for user in users))
    settings = ["--port", "0", "--unixsocket", str(socket), "--aclfile", str(accounts)]
    process = await asyncio.create_subprocess_exec(
        SERVER, *settings, "--save", "", "--dir", str(directory), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"ready to accept connections" in line:
                break
        yield Server(socket)
    finally:
        process.terminate()
        await process.communicate()


def comparable(answer: bytes) -> bytes:
    """The answer without what tells one server or connection from another."""
    fixed = re.sub(rb"(\$7\r\nversion\r\n)\$\d+\r\n[^\r]+", rb"\1VERSION", answer)
    fixed = re.sub(rb"(\$6\r\nserver\r\n)\$\d+\r\n[^\r]+", rb"\1SERVER", fixed)
    fixed = re.sub(rb"(\$4\r\nmode\r\n)\$\d+\r\n[^\r]+", rb"\1MODE", fixed)
    return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1ID", fixed)


def passwords(plane: DataPlane) -> dict[str, str]:
    """A token for each user, which for the real server is just a long password."""
    return {name: sign(plane.key, User=name) for name in USERS}


def fill(raw: bytes, tokens: dict[str, str]) -> bytes:
    """The bytes with each `{user}` replaced by the user's token, and the lengths of words set."""
    for name, token in tokens.items():
        mark = b"{%b}" % name.encode()
        raw = raw.replace(b"$%d\r\n%b" % (len(mark), mark), b"$%d\r\n%b" % (len(token), mark))
        raw = raw.replace(mark, token.encode())
    return raw


async def both(plane: DataPlane, directory: Path, scripts: dict[str, bytes], default: str) -> None:
    """Compare all answers to these scripts, each on a connection of its own."""
    tokens = passwords(plane)
    for name, access_string in USERS.items():
        plane.region.add_user(name, access_string=access_string)
    plane.region.add_user("default", authentication="no-password", access_string=default)
    plane.region.add_user_group("people", users=("default", *USERS))
    real_users = [
        f"{name} {access_string.replace(' ', f' >{tokens[name]} ', 1)}"
        for name, access_string in USERS.items()
    ]
    different = {}
    async with running(directory, [f"default {default} nopass", *real_users]) as server:
        for name, script in scripts.items():
            raw = fill(script, tokens)
            expected = comparable(await server.ask_all(raw))
            async with plane.connect() as client:
                answered = comparable(await client.ask_all(raw))
            if answered != expected:
                different[name] = (expected[:2000], answered[:2000])
    assert not different, different


async def test_answers_before_login(plane: DataPlane, tmp_path: Path) -> None:
    await both(plane, tmp_path, BEFORE_LOGIN, "off ~* +@all")


async def test_answers_after_login(plane: DataPlane, tmp_path: Path) -> None:
    scripts = {
        f"{name}, by {way}": pack(*login) + script
        for name, script in AFTER_LOGIN.items()
        for way, login in {
            "AUTH": ("AUTH", "everything", "{everything}"),
            "HELLO": ("HELLO", "3", "AUTH", "everything", "{everything}", "SETNAME", "test"),
        }.items()
    }
    await both(plane, tmp_path, scripts, "off ~* +@all")


async def test_what_each_access_string_allows(plane: DataPlane, tmp_path: Path) -> None:
    asked = "PING\nPING a\nPING a b\nACL WHOAMI\nHELLO 3\nPING\nFOO"
    scripts = {name: commands(f"AUTH {name} {{{name}}}\n{asked}") for name in USERS}
    scripts["nobody"] = commands("AUTH nobody {nobody}\nPING")
    await both(plane, tmp_path, scripts, "off ~* +@all")


async def test_answers_where_the_default_user_is_open(plane: DataPlane, tmp_path: Path) -> None:
    scripts = {
        "commands": commands("PING\nACL WHOAMI\nHELLO\nHELLO 3\nACL WHOAMI\nFOO a"),
        "AUTH": commands("AUTH\nAUTH a\nAUTH default a\nAUTH reader a\nACL WHOAMI\nAUTH a b c"),
        "another user": commands("AUTH reader {reader}\nPING\nAUTH default x\nPING\nACL WHOAMI"),
        "many words": pack("FOO", *["a"] * 20) + QUIT,
    }
    await both(plane, tmp_path, scripts, "on ~* +@all")

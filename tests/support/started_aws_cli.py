"""AWS's own CLI, started once for many calls: each is a fork of a process that has read its code.

A start takes a second of CPU, a fork a third of that. A CLI that is no Python program (version 2)
is started for each call as ever.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __package__:  # AWS's interpreter runs this file by its path
    from tests.support.aws_cli_client import Request, receive, write_client
    from tests.support.service_process import until
else:
    sys.path.insert(0, str(Path(__file__).parent))
    from aws_cli_client import Request, receive  # type: ignore[no-redef,import-not-found]

_ADDRESS = "AWS_CLI_TEST_SOCKET"
_AT_START = """\
import os, runpy, sys
if os.path.basename(sys.orig_argv[1]) == "aws":
    runpy.run_path({program!r}, run_name="__main__")
"""
"""What the interpreter of `aws` runs before the program, found as `sitecustomize`."""


@contextmanager
def started_aws_cli(directory: Path) -> Iterator[Path]:
    """A directory with an `aws` to put on PATH: AWS's own, which has to be there."""
    own = shutil.which("aws")
    assert own is not None
    home = directory / "started-aws"
    home.mkdir()
    address = home / "socket"
    (home / "sitecustomize.py").write_text(_AT_START.format(program=__file__), "utf-8")
    process = subprocess.Popen(
        [own, "--version"],
        env={**os.environ, "PYTHONPATH": str(home), _ADDRESS: str(address), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        if until(lambda: "listens" if address.exists() else process.poll()) == "listens":
            write_client(home / "bin", address)
        yield home / "bin"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def serve(address: str) -> None:
    """Answer in a fork for each call, until a signal comes."""
    for name in ("awscli.clidriver", "awscli.handlers"):
        importlib.import_module(name)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(32)
        Path(f"{address}.new").rename(address)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()


def _answer(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = receive(connection)
    code = _run(request)
    connection.sendall(str(code).encode())
    os._exit(0)


def _run(request: Request) -> int:
    main = importlib.import_module("awscli.clidriver").main
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.directory)
    own_models = os.environ["AWS_DATA_PATH"]  # as the CLI set it when it was imported
    os.environ.clear()
    os.environ.update(request.environment, AWS_DATA_PATH=own_models)
    sys.argv = ["aws", *request.words]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


if __name__ == "__main__":
    serve(os.environ[_ADDRESS])

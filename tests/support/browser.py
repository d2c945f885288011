"""Headless Chromium on a page, driven over its DevTools protocol, with everything it said."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--hide-scrollbars",
    "--proxy-server=http://127.0.0.1:9",  # whatever wants to leave finds nobody
    "--remote-debugging-port=0",
)
_LOUD = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
_LISTENS = re.compile(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/")
_PATIENCE_S = 60


@dataclass
class Browser:
    """One page. What it logged and asked for is collected from the start."""

    socket: aiohttp.ClientWebSocketResponse
    answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    """What was asked and not answered yet."""
    number: int = 0
    said: list[dict[str, Any]] = field(default_factory=list)
    """Console messages, exceptions, violations of the page's own policy."""
    asked: list[str] = field(default_factory=list)
    """Addresses of all requests."""
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for message in self.socket:
            event = message.json()
            if "id" in event:
                self.answers.pop(event["id"]).set_result(event)
            elif event["method"] in _LOUD:
                self.said.append(event["params"])
            elif event["method"] == "Network.requestWillBeSent":
                self.asked.append(event["params"]["request"]["url"])
            elif event["method"] == "Page.loadEventFired":
                self.loaded.set()

    async def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command."""
        self.number += 1
        answer = self.answers[self.number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self.number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE_S):
            found = await answer
        assert "result" in found, found
        result: dict[str, Any] = found["result"]
        return result

    async def open(self, address: str) -> None:
        """The page is loaded, its script has run."""
        self.loaded.clear()
        await self.do("Page.navigate", url=address)
        async with asyncio.timeout(_PATIENCE_S):
            await self.loaded.wait()

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, awaited if it is a promise."""
        told = await self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def look(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """The page is seen in this light and on a screen of this size."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.do("Emulation.setEmulatedMedia", features=[scheme])
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    async def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of what is seen, or of the whole page."""
        told = await self.do("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])

    async def print(self) -> bytes:
        """A PDF of the page on A4."""
        told = await self.do("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(told["data"])


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Browser]:
    """A browser with a fresh profile in `folder`; gone afterwards."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={folder}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            port = await _port(process.stderr)
        draining = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                address = (await answer.json(content_type=None))["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                browser = Browser(socket)
                listening = asyncio.create_task(browser.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await browser.do(f"{domain}.enable")
                yield browser
            await listening
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    await draining


async def _port(stderr: asyncio.StreamReader) -> str:
    """Where the browser listens, from the line in which it says so."""
    async for line in stderr:
        if found := _LISTENS.search(line.decode(errors="replace")):
            return found[1]
    raise RuntimeError("the browser did not start")

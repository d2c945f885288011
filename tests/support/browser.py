"""Headless Chromium on a page, driven over its DevTools protocol, with everything it said."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.service_process import until

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
        shown = await self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in shown, shown
        return shown["result"].get("value")

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
        shown = await self.do("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(shown["data"])

    async def print(self) -> bytes:
        """A PDF of the page on A4."""
        shown = await self.do("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(shown["data"])


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """A browser whose profiles are in `folder`; yields its DevTools address, gone afterwards."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # Two lines, written once it listens: the port, and the path.
        listens = folder / "DevToolsActivePort"
        until(lambda: listens.exists() and len(listens.read_text("ascii").splitlines()) == 2)
        port, path = listens.read_text("ascii").splitlines()
        yield f"ws://127.0.0.1:{port}{path}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@asynccontextmanager
async def new_page(address: str) -> AsyncIterator[Browser]:
    """A page in a fresh profile of the browser at this DevTools address."""
    async with aiohttp.ClientSession() as session, _connect(session, address) as browser:
        profile = (await browser.do("Target.createBrowserContext"))["browserContextId"]
        made = await browser.do("Target.createTarget", url="about:blank", browserContextId=profile)
        page_address = f"{address.partition('/devtools/')[0]}/devtools/page/{made['targetId']}"
        async with _connect(session, page_address) as page:
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.do(f"{domain}.enable")
            yield page
        await browser.do("Target.disposeBrowserContext", browserContextId=profile)


@asynccontextmanager
async def _connect(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Browser]:
    async with session.ws_connect(address, max_msg_size=0) as socket:
        browser = Browser(socket)
        listening = asyncio.create_task(browser.listen())
        yield browser
    await listening

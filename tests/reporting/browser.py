"""A headless Chromium without a network, driven by its DevTools protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOON_S = 30.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1400,1000",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Browser:
    """One tab of it."""

    def __init__(self, socket: Any) -> None:
        self.asked: list[str] = []  # the URLs that the network was asked for
        self._socket = socket
        self._number = 0
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")
        nothing = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self._call("Network.emulateNetworkConditions", offline=True, **nothing)

    def open(self, page: Path, *, until: str) -> str:
        """Show *page*, and return what can be read once *until* can be."""
        self._call("Page.navigate", url=page.resolve().as_uri())
        return self.read(until)

    def go(self, place: str, *, until: str) -> str:
        """Go to *place* in the page that is shown; the same as `open` else."""
        self.ask(f"location.hash = {json.dumps(place)}")
        return self.read(until)

    def read(self, until: str) -> str:
        """Return what can be read in the page once *until*, a text, can be."""
        self.wait(f"document.body?.innerText.includes({json.dumps(until)})")
        return str(self.ask("document.body.innerText"))

    def wait(self, condition: str) -> None:
        """Wait until the script *condition* holds."""
        script = f"""new Promise((resolve, reject) => {{
            const end = performance.now() + {1000 * SOON_S}
            const look = () => ({condition}) ? resolve(true)
                : performance.now() > end ? resolve(false) : setTimeout(look, 20)
            look()
        }})"""
        told = self._call("Runtime.evaluate", expression=script, awaitPromise=True)
        if told["result"].get("value") is not True:
            text = self.ask("document.body?.innerText")
            raise AssertionError(f"{condition} never held; what can be read:\n{text}")

    def ask(self, script: str) -> Any:
        """Return what *script* comes to in the page."""
        told = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        return told["result"].get("value")

    def click(self, text: str) -> None:
        """Click the button or tab that says *text* first."""
        script = f"""[...document.querySelectorAll('button, [role=tab], a')]
            .find(e => e.innerText.includes({json.dumps(text)})).click()"""
        self.ask(script)

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(call))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("method") == "Network.requestWillBeSent":
                self.asked.append(told["params"]["request"]["url"])
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start one whose *profile* lies there, and end it."""
    import websocket

    assert CHROMIUM
    command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        socket = websocket.create_connection(_address(profile, process), timeout=SOON_S)
        try:
            yield Browser(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(SOON_S)


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return where the first tab can be talked to."""
    from urllib.request import urlopen

    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline and process.poll() is None:
        if told.exists() and told.read_text().count("\n") >= 1:
            port = told.read_text().splitlines()[0]
            with urlopen(f"http://127.0.0.1:{port}/json/list") as reply:
                tabs = [tab for tab in json.load(reply) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
    raise AssertionError("Chromium did not start")

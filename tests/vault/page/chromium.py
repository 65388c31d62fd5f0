"""A browser without a window, driven over its own protocol (CDP): `with Chromium(folder) as chromium, chromium.tab() as tab:`.

A tab notes what a page must not do: requests to elsewhere, violations of its policy, errors. `Tab.close` fails for them."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.sync.client import connect

PATIENCE = 20
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE, DESK = (390, 844, 2, True), (1280, 900, 1, False)
# Nothing of the browser's own asks the network, and no name is resolved.
FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


needs_chromium = pytest.mark.skipif(program() is None, reason="the page's tests in a browser need chromium")


class Chromium:
    """One process, ended by its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        found = program()
        assert found is not None
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # it refuses root otherwise
        command = [found, *FLAGS, *sandbox, f"--user-data-dir={self._folder / 'profile'}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = self._folder / "profile/DevToolsActivePort"
        until = time.monotonic() + PATIENCE
        while not (port.exists() and port.read_text().count("\n") == 1):
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        number, path = port.read_text().split()
        self._connection = connect(f"ws://127.0.0.1:{number}{path}", max_size=64 << 20, proxy=None)
        self._socket = self._connection.__enter__()
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.call("Browser.close")
            self._connection.__exit__(None, None, None)
            self._process.wait(PATIENCE)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def call(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": given}
        self._socket.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE))
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self.events.append(answer)

    @contextmanager
    def tab(self, screen: tuple[int, int, int, bool] = PHONE, *, is_dark: bool = False) -> Iterator["Tab"]:
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, context)
        tab.prepare(screen, is_dark=is_dark)
        try:
            yield tab
            tab.check()
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)
            self.events.clear()


class Tab:
    def __init__(self, chromium: Chromium, session: str, context: str) -> None:
        self._chromium, self._session, self.context = chromium, session, context
        self._workers: set[str] = set()
        self._origin = ""
        self.requests: list[str] = []
        self.faults: list[str] = []

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        found = self._chromium.call(method, self._session, **given)
        self._note()
        return found

    def prepare(self, screen: tuple[int, int, int, bool], *, is_dark: bool) -> None:
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        width, height, scale, mobile = screen
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        wishes = {"prefers-color-scheme": "dark" if is_dark else "light", "prefers-reduced-motion": "reduce"}  # frames cost time
        self.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in wishes.items()])

    def open(self, url: str) -> None:
        self._origin = url.rstrip("/")
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """What an expression gives, awaited."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait for an expression to be true."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"never: {script}\n{self.text()}\n{self.faults}"
            time.sleep(0.05)

    def shown(self, part: str) -> None:
        self.until(f"document.getElementById({part!r})?.hidden === false")

    def text(self, part: str | None = None) -> str:
        """What a person reads there."""
        return str(self.run(f"document.getElementById({part!r}).innerText" if part else "document.body.innerText"))

    def type(self, field: str, text: str) -> None:
        self.run(f"document.getElementById({field!r}).focus()")
        self.call("Input.insertText", text=text)

    def press(self, part: str) -> None:
        """With a finger, or a mouse: in the middle of what is there to be hit."""
        place = self.run(
            f"(e => (e.scrollIntoView({{block: 'center', behavior: 'instant'}}), (r => [r.x + r.width / 2, r.y + r.height / 2])"
            f"(e.getBoundingClientRect())))(document.getElementById({part!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def picture(self, path: Path, *, is_whole: bool = True) -> None:
        """A file of what is to be seen; *is_whole*: as far as it can be scrolled."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole, **self._clip(is_whole))["data"]
        path.write_bytes(base64.b64decode(data))

    def _clip(self, is_whole: bool) -> dict[str, Any]:
        if not is_whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def check(self) -> None:
        """Fail for what a page must not do."""
        self.run("0")
        assert self.requests
        elsewhere = [url for url in self.requests if not url.startswith((f"{self._origin}/", f"blob:{self._origin}/"))]
        assert (elsewhere, self.faults) == ([], [])
        stores = "(await indexedDB.databases()).length, (await caches.keys()).length"
        kept = f"[localStorage.length, sessionStorage.length, document.cookie, {stores}]"
        if self._origin in self.run("document.location.origin"):
            assert self.run(f"(async () => {kept})()") == [0, 0, "", 0, 0]

    def _note(self) -> None:
        events, self._chromium.events = self._chromium.events, []
        for event in events:
            given = event.get("params", {})
            match event["method"]:
                case "Target.attachedToTarget" if given["sessionId"] not in self._workers:
                    self._workers.add(worker := given["sessionId"])
                    for domain in ("Network", "Log"):
                        self._chromium.call(f"{domain}.enable", worker)
                    self._chromium.call("Runtime.runIfWaitingForDebugger", worker)
                case "Network.requestWillBeSent":
                    self.requests.append(given["request"]["url"])
                case "Runtime.exceptionThrown":
                    self.faults.append(str(given["exceptionDetails"]))
                case "Runtime.consoleAPICalled":
                    self.faults.append(str(given))
                case "Log.entryAdded" if given["entry"]["source"] != "network":
                    self.faults.append(str(given["entry"]))
                case "Audits.issueAdded" if "contentSecurityPolicy" in json.dumps(given["issue"]):
                    self.faults.append(str(given["issue"]))

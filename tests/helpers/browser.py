"""A headless Chromium, driven through a pipe: what a page runs, asks for and shows."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The program, None where there is none.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM = "there is no Chromium"

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
)
_NAVIGATIONS = {
    f"Page.{name}" for name in ("frameNavigated", "navigatedWithinDocument", "frameRequestedNavigation", "windowOpen")
}
_SETTLE = 0.15  # seconds after loading, in which a page may still run something
_WAIT = 30.0
_NEXT_PICTURE = "new Promise((done) => setTimeout(() => requestAnimationFrame(done)))"


@dataclass
class Visit:
    """What a page did, and what it shows.

    Attributes:
        scripts: The scripts that were run, by their address and first line.
        requests: What was asked for, beside the page itself and `data:` addresses.
        dialogs: Messages of dialogs.
        navigations: Addresses that it went to by itself, and windows that it opened.
        violations: What the content-security policy held back.
        text: The text of the page and of its frames, hidden parts included.
        links: Where its links, forms and sources lead.
        overflow: By how many pixels it is wider than the window.
    """

    scripts: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    navigations: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    text: str = ""
    links: list[str] = field(default_factory=list)
    overflow: int = 0

    @property
    def acts(self) -> list[str]:
        """Whatever the page did by itself."""
        return [
            f"{kind}: {entry}"
            for kind in ("scripts", "requests", "dialogs", "navigations")
            for entry in getattr(self, kind)
        ]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads commands from descriptor 3 and writes to 4; until then its ends have other numbers.
        pipes = [*os.pipe(), *os.pipe()]
        inner_reading, writing, reading, inner_writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in pipes)
        for end in pipes:
            os.close(end)
        shell = ["bash", "-c", f'exec "$0" "$@" 3<&{inner_reading} 4>&{inner_writing}']
        process = subprocess.Popen(
            [*shell, str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(inner_reading, inner_writing),
            stderr=subprocess.DEVNULL,
        )
        os.close(inner_reading)
        os.close(inner_writing)
        try:
            yield Browser(reading, writing)
        finally:
            process.kill()
            process.wait()
            os.close(reading)
            os.close(writing)


class Browser:
    """A running browser with one page."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing, self._rest = reading, writing, b""
        self._number, self._events, self._answers = 0, [], {}
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._page = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._watch(self._page)

    def visit(self, path: Path, *, width: int = 1280, dark: bool = False, picture: Path | None = None) -> Visit:
        """Open a page and return what it did.

        Args:
            path: The file.
            width: Width of the window in pixels.
            dark: Whether it is shown in dark colors.
            picture: Where to write a picture of all of it, a PNG file.
        """
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics, self._page)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]}, self._page)
        self._navigate("about:blank")
        self._navigate(path.as_uri())
        while self._read(_SETTLE):
            pass
        visit = _visit(self._events, path.as_uri(), self._page)
        sessions = [self._page]
        sessions += [e["params"]["sessionId"] for e in self._events if e["method"] == "Target.attachedToTarget"]
        for session in sessions:
            visit.text += self._evaluate("document.documentElement.textContent", session) + "\n"
            visit.links += self._evaluate(
                "[...document.querySelectorAll('[href],[src],[action],[formaction],[data],[poster],[background]')]"
                ".flatMap(e => ['href','src','action','formaction','data','poster','background']"
                ".map(a => e.getAttribute(a)).filter(v => v !== null))",
                session,
            )
        visit.overflow = self._evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth", self._page
        )
        if picture is not None:
            height = self._evaluate("document.documentElement.scrollHeight", self._page)
            clip = {"x": 0, "y": 0, "width": width, "height": min(height, 16_000), "scale": 1}
            options = {"captureBeyondViewport": True, "clip": clip}
            picture.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", options, self._page)["data"]))
        return visit

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        return self._evaluate(expression, self._page)

    def answer(self, expression: str) -> Any:
        """Return what the promise of a JavaScript expression is kept with."""
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._call("Runtime.evaluate", options, self._page)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "no answer"))
        return answer["result"].get("value")

    def settle(self) -> None:
        """Wait for the page's next picture."""
        self._call("Runtime.evaluate", {"expression": _NEXT_PICTURE, "awaitPromise": True}, self._page)

    def errors(self) -> list[str]:
        """Return the errors that scripts of the page have not caught since it was opened."""
        thrown = [e["params"]["exceptionDetails"] for e in self._events if e["method"] == "Runtime.exceptionThrown"]
        return [entry.get("exception", {}).get("description", entry["text"]) for entry in thrown]

    def _navigate(self, address: str) -> None:
        """Open an address and wait until it is loaded; what happened before is forgotten."""
        self._events.clear()
        self._call("Page.navigate", {"url": address}, self._page)
        deadline = time.monotonic() + _WAIT
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            if not self._read(1.0) and time.monotonic() > deadline:
                raise TimeoutError(f"{address} was not loaded")

    def _watch(self, session: str) -> None:
        for domain in ("Page", "Network", "Debugger", "Runtime", "Audits"):
            self._call(f"{domain}.enable", {}, session)
        # Frames without rights run in processes of their own.
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self._call("Target.setAutoAttach", attach, session)

    def _evaluate(self, expression: str, session: str) -> Any:
        return self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True}, session)["result"].get(
            "value"
        )

    def _send(self, method: str, options: dict[str, Any], session: str | None = None) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": options}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writing, data) :]
        return self._number

    def _call(self, method: str, options: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        number = self._send(method, options, session)
        deadline = time.monotonic() + _WAIT
        while number not in self._answers:
            if not self._read(1.0) and time.monotonic() > deadline:
                raise TimeoutError(f"{method} was not answered")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self, seconds: float) -> bool:
        """Read what has come, and return whether anything came within some seconds."""
        if not select.select([self._reading], [], [], seconds)[0]:
            return False
        block = os.read(self._reading, 1 << 20)
        if not block:
            raise ConnectionError("the browser has ended")
        *messages, self._rest = (self._rest + block).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
                continue
            self._events.append(message)
            session, method = message.get("sessionId"), message["method"]
            if method == "Target.attachedToTarget":
                frame = message["params"]["sessionId"]
                if frame != getattr(self, "_page", frame):
                    for domain in ("Page", "Network", "Debugger", "Runtime", "Audits"):
                        self._send(f"{domain}.enable", {}, frame)
                    self._send("Runtime.runIfWaitingForDebugger", {}, frame)
            elif method == "Page.javascriptDialogOpening":
                self._send("Page.handleJavaScriptDialog", {"accept": True}, session)
        return True


def _visit(events: list[dict[str, Any]], address: str, page: str) -> Visit:
    visit = Visit()
    for event in events:
        method, values = event["method"], event["params"]
        if method == "Debugger.scriptParsed":
            visit.scripts.append(f"{values['url']}:{values['startLine']}")
        elif method == "Network.requestWillBeSent":
            url = values["request"]["url"]
            if url.split("#")[0] != address and not url.startswith(("data:", "about:srcdoc")):
                visit.requests.append(url)
        elif method == "Page.javascriptDialogOpening":
            visit.dialogs.append(values["message"])
        elif method in _NAVIGATIONS:
            url = values["frame"]["url"] if "frame" in values else values["url"]
            # A page may change what comes after its own "#".
            if url.split("#")[0] not in (address, "about:blank", "about:srcdoc"):
                visit.navigations.append(url)
        elif method == "Audits.issueAdded":
            details = values["issue"]["details"].get("contentSecurityPolicyIssueDetails")
            if details is not None:
                visit.violations.append(f"{details['violatedDirective']} {details.get('blockedURL', '')}".strip())
    return visit

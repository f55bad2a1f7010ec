"""A browser for tests: Chromium without a window, told what to do over a pipe by its own DevTools protocol.

No driver and no package is needed. Nothing is asked of any network: every name leads nowhere, and what a page asks for
is kept.
"""

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--remote-debugging-pipe", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
QUIET = 0.1  # seconds without an event, after which a page is taken to be complete
PATIENCE = 60  # seconds for one answer: two cores may be busy with something else


def found() -> str:
    """Where Chromium is; raises FileNotFoundError where it is not installed."""
    if program := next(filter(None, map(shutil.which, NAMES)), None):
        return program
    raise FileNotFoundError("it is not installed")


class Chromium:
    """One tab of an own browser with an empty profile; `with` ends it."""

    def __init__(self, program: str, profile: Path) -> None:
        read_by_it, self.to = os.pipe()
        self.back, written_by_it = os.pipe()
        # The protocol is spoken on descriptors 3 and 4; a shell moves ours there, as they may have any numbers here.
        moved = f'exec "$@" 3<&{read_by_it} 4>&{written_by_it}'
        command = ["bash", "-c", moved, "chromium", program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        pipes = (read_by_it, written_by_it)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=pipes, **quiet)
        for end in pipes:
            os.close(end)
        self.count, self.unread, self.session, self.width = 0, b"", None, 0
        self.events: list[dict[str, Any]] = []
        tab = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.to)  # at the end of its pipe the browser goes
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.back)

    def ask(self, method: str, **told: Any) -> dict[str, Any]:
        """The answer to one command; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": told}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (got := self._next()).get("id") != self.count:
            self.events.append(got)
        assert "error" not in got, f"{method}: {got['error']['message']}"
        return got["result"]

    def open(self, address: str, width: int, height: int = 800, scheme: str = "light") -> None:
        """Load a page at a width in CSS pixels, and wait for what it needs; events of earlier ones are forgotten."""
        self.width = width
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        # scripts may ask for more at the end
        while b"\0" in self.unread or select.select([self.back], [], [], QUIET)[0]:
            self.events.append(self._next())

    def run(self, code: str) -> Any:
        """The value of an expression on the page."""
        told = self.ask("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key goes down and up."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    @property
    def overflow(self) -> int:
        """How many CSS pixels the page is wider than its window."""
        return self.run("document.documentElement.scrollWidth") - self.width

    @property
    def requests(self) -> list[str]:
        """Addresses that the page has asked for, and that were not refused before they left."""
        refused = {one["params"]["requestId"] for one in self._of("Network.loadingFailed") if _is_blocked(one)}
        sent = [one["params"] for one in self._of("Network.requestWillBeSent")]
        return [one["request"]["url"] for one in sent if one["requestId"] not in refused]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the page: exceptions, the console, and what the browser itself says of it."""
        thrown = [one["params"]["exceptionDetails"]["text"] for one in self._of("Runtime.exceptionThrown")]
        said = [one["params"] for one in self._of("Runtime.consoleAPICalled")]
        logged = [one["params"]["entry"] for one in self._of("Log.entryAdded")]
        said = [str(one["args"]) for one in said if one["type"] in ("error", "warning", "assert")]
        return thrown + said + [one["text"] for one in logged if one["level"] in ("error", "warning")]

    def _of(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("method") == method]

    def _next(self) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.back], [], [], max(0, ends - time.monotonic()))
            assert ready, f"Chromium said nothing for {PATIENCE} s"
            read = os.read(self.back, 1 << 16)
            assert read, f"Chromium has ended ({self.process.wait()})"
            self.unread += read
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)


def _is_blocked(event: dict[str, Any]) -> bool:
    return event["params"].get("blockedReason") == "csp"

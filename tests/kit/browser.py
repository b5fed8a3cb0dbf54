"""A browser for tests of pages: headless Chromium, by the Chrome DevTools Protocol over a pipe.

    with Browser() as browser:
        page = browser.open(path, width=400, dark=True)
        page.screenshot(), page.overflow(), page.poor_contrast(), page.complaints

Only pages of our own are opened, so Chromium's sandbox, which containers often forbid, is off. It
has a profile of its own that goes with it, and no way out: its proxy is a port that nobody is
behind, so that a request to the network is refused and seen.
"""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

__all__ = ["Browser", "Page"]

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--proxy-server=127.0.0.1:9",
    "--remote-debugging-pipe",
)
_SECONDS = 60
# Elements that reach over the right edge of the window and that no scrolling parent cuts.
_OVERFLOW = """
(() => {
  const wide = document.documentElement.clientWidth;
  const cut = (e) => e && (getComputedStyle(e).overflowX !== "visible" || cut(e.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > wide + 0.5 && !cut(e.parentElement))
    .map((e) => e.outerHTML.slice(0, 120));
})()
"""
# Texts whose colour is too near to what is behind them (WCAG 2.2, 1.4.3 AA): 4.5, or 3 if large.
_CONTRAST = """
(() => {
  const read = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = read(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    const box = e.getBoundingClientRect();
    const text = walker.currentNode.data.trim();
    if (!text || !box.width || ["title", "desc", "STYLE"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const inSvg = e.namespaceURI.endsWith("svg");
    const a = light(read(inSvg ? style.fill : style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    seen += 1;
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5))
      poor.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return { seen, poor };
})()
"""


@dataclass(slots=True, kw_only=True)
class Page:
    """An open page.

    Attributes:
        complaints: what was written to the console, and what the browser refused.
        requests: addresses that were asked for, the page's own left out.
    """

    browser: "Browser"
    session: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol for this page."""
        return self.browser.ask(method, session=self.session, **params)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a page's CSP does not bind its developer."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def size(self) -> tuple[int, int]:
        """Of all its content, in CSS pixels."""
        content = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        return int(content["width"]), int(content["height"])

    def overflow(self) -> list[str]:
        """What reaches over the right edge."""
        return list(self.evaluate(_OVERFLOW))

    def poor_contrast(self) -> tuple[int, list[str]]:
        """How many texts there are, and those that are hard to read."""
        found = self.evaluate(_CONTRAST)
        return int(found["seen"]), list(found["poor"])

    def screenshot(self, height: int | None = None) -> bytes:
        """The page as PNG: all of it, or its top."""
        width, whole = self.size()
        clip = {"x": 0, "y": 0, "width": width, "height": height or whole, "scale": 1}
        taken = self.ask(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
        )
        return base64.b64decode(taken["data"])

    def take(self, event: dict[str, Any]) -> None:
        """An event of the protocol."""
        params = event["params"]
        if event["method"] == "Log.entryAdded":
            self.complaints.append(str(params["entry"]["text"]))
        elif event["method"] in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(params))
        elif event["method"] == "Network.requestWillBeSent" and params["type"] != "Document":
            self.requests.append(str(params["request"]["url"]))


class Browser:
    """A browser that lives as long as the block."""

    def __init__(self) -> None:
        self._count = 0
        self._events: list[dict[str, Any]] = []
        self._pages: dict[str, Page] = {}
        self._kept = b""

    def __enter__(self) -> Self:
        program = shutil.which("chromium")
        assert program, "these tests need chromium on PATH"
        self._profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # The protocol wants 3 and 4; higher numbers first, so that neither is taken.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        script = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                script,
                "bash",
                program,
                *_FLAGS,
                f"--user-data-dir={self._profile.name}",
            ],
            env={**os.environ, "IN": str(ends[0]), "OUT": str(ends[1]), "HOME": self._profile.name},
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self._in, self._out = ours_in, ours_out
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self.ask("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    @contextlib.contextmanager
    def open(
        self, path: Path, *, width: int, height: int = 800, dark: bool = False
    ) -> Iterator[Page]:
        """Open a file in a window of this size, until the block ends."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(browser=self, session=session)
        for domain in ("Page", "Log", "Runtime", "Network"):
            page.ask(f"{domain}.enable")
        page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.ask("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        page.ask("Page.navigate", url=path.resolve().as_uri())
        self._await("Page.loadEventFired", session)
        yield page
        self.ask("Target.closeTarget", targetId=target)

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _await(self, method: str, session: str) -> None:
        until = time.monotonic() + _SECONDS
        while not any(
            event["method"] == method and event.get("sessionId") == session
            for event in self._events
        ):
            assert time.monotonic() < until, f"no {method}"
            self._next()

    def _next(self) -> dict[str, Any]:
        """The next message; events are kept, and told to their page."""
        while b"\0" not in self._kept:
            data = os.read(self._in, 1 << 20)
            assert data, "the browser is gone"
            self._kept += data
        line, self._kept = self._kept.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self._events.append(message)
            page = self._pages.get(message.get("sessionId", ""))
            if page is not None:
                page.take(message)
        return message

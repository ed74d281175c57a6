"""A browser of this machine without a window, spoken to over a pipe: it opens a page, runs a script there, and prints it.

Chrome DevTools Protocol, version 1.3, of which the domains Target, Page, Runtime, Emulation and Browser are used; messages are
JSON, each ended by a zero byte, on the file descriptors 3 and 4 of the browser.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from gridagora.core.errors import InputError, PartError, Problem

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge", "msedge")
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# the pipe has these numbers in the browser, whatever it has here
WIRED = """
import os, sys
for at, end in zip((3, 4), [os.dup(int(each)) for each in sys.argv[1:3]]):
    os.dup2(end, at)
    os.set_inheritable(at, True)
os.execv(sys.argv[3], sys.argv[3:])
"""
ANSWER_S = 120.0
CHUNK_BYTES = 1 << 16


def find_browser(option: str = "--pdf") -> str:
    """Return the path of Chromium, Chrome or Edge on this machine; `option` is what needs it.

    Raises
    ------
    InputError
        None was found, or a system whose processes inherit no pipes.
    """
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    found += [path for path in ELSEWHERE if Path(path).is_file()]
    if found and os.name == "posix":
        return found[0]
    got = "no Chromium, Chrome or Edge on the path" if os.name == "posix" else f"a {os.name} system"
    way = "print it to a file" if option == "--pdf" else "save figures by their buttons SVG and PNG"
    hint = f"Open report.html in any browser and {way}, or install Chromium."
    raise InputError([Problem(option, got, "a browser that prints", hint)])


class BrowserTab(NamedTuple):
    """One page of a browser: the ends of its pipe, what came of a next message, the numbers of commands, and its session."""

    reads: int
    writes: int
    rest: bytearray
    numbers: Iterator[int]
    session: str = ""

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        """Return the answer to one command; events that come before it are left out.

        Raises
        ------
        PartError
            The browser ended, refused, or took longer than two minutes.
        """
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": given}
        if self.session:
            message["sessionId"] = self.session
        with suppress(BrokenPipeError):  # what is read next says that it ended
            os.write(self.writes, json.dumps(message).encode() + b"\0")
        until = monotonic() + ANSWER_S
        while (told := self._next(until)).get("id") != number:
            pass
        if "error" in told:
            raise PartError(f"the browser refused {method}: {told['error'].get('message')}")
        return dict(told["result"])

    def _next(self, until_s: float) -> dict[str, Any]:
        """Return the next message."""
        while (end := self.rest.find(b"\0")) < 0:
            ready, _, _ = select.select([self.reads], [], [], max(0.0, until_s - monotonic()))
            if not ready:
                raise PartError(f"the browser did not answer within {ANSWER_S:.0f} s")
            chunk = os.read(self.reads, CHUNK_BYTES)
            if not chunk:
                raise PartError("the browser ended before it answered")
            self.rest.extend(chunk)
        told: dict[str, Any] = json.loads(self.rest[:end])
        del self.rest[: end + 1]
        return told


@contextmanager
def open_tab(width_px: int, height_px: int) -> Iterator[BrowserTab]:
    """Yield an empty page of a new browser, which ends with it; it has a profile of its own and shows light colours.

    Raises
    ------
    InputError
        No browser on this machine.
    PartError
        It ended, or does not answer.
    """
    browser = find_browser()
    to_read, to_write = os.pipe(), os.pipe()
    inherited = to_write[0], to_read[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [*QUIET, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:  # the browser has no sandbox for root
            flags.append("--no-sandbox")
        process = subprocess.Popen(
            [sys.executable, "-c", WIRED, *map(str, inherited), browser, *flags],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in inherited:
            os.close(end)
        try:
            pipe = BrowserTab(to_read[0], to_write[1], bytearray(), count(1))
            yield _open_page(pipe, width_px, height_px)
        finally:
            os.close(to_read[0])
            os.close(to_write[1])  # it ends with its pipe
            with suppress(subprocess.TimeoutExpired):
                process.wait(10.0)
            process.kill()
            process.wait()


def _open_page(pipe: BrowserTab, width_px: int, height_px: int) -> BrowserTab:
    target = pipe.ask("Target.createTarget", url="about:blank")["targetId"]
    session = pipe.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    tab = pipe._replace(session=session)
    tab.ask(
        "Emulation.setDeviceMetricsOverride",
        width=width_px,
        height=height_px,
        deviceScaleFactor=1,
        mobile=False,
    )
    light = {"name": "prefers-color-scheme", "value": "light"}
    tab.ask("Emulation.setEmulatedMedia", features=[light])
    return tab

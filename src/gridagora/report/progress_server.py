"""A server on this machine alone that shows how far a run is, and its report once that is written.

It answers three addresses and no other, to no name but its own (against DNS rebinding: Jackson et al., "Protecting Browsers from
DNS Rebinding Attacks", CCS 2007, doi 10.1145/1315245.1315298), and gives no other site leave to read them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import monotonic
from typing import Any

from gridagora.core.errors import InputError, Problem
from gridagora.report import progress_page
from gridagora.report.progress import RunProgress

LOOPBACK = "127.0.0.1"
PAGE, TEXT, DATA = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json"
ASKED_WITHIN_S = 6.0  # a page that is open asks every second, or every five where it is hidden
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ProgressServer(ThreadingHTTPServer):
    """What answers: the progress of a run, and its report as text once there is one."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, progress: RunProgress) -> None:
        super().__init__((LOOPBACK, port), ProgressAnswer)
        self.progress = progress
        self.report = ""
        self.told_end = Event()
        self.asked_s = float("-inf")
        self.names = {f"{host}:{self.server_port}" for host in (LOOPBACK, "localhost")}

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def linger(self) -> None:
        """Wait until a page that is open has heard how the run ended, for a few seconds at most."""
        if monotonic() - self.asked_s < ASKED_WITHIN_S:
            self.told_end.wait(ASKED_WITHIN_S)


class ProgressAnswer(BaseHTTPRequestHandler):
    """One request and its answer."""

    server: ProgressServer
    timeout = 10  # s of a connection that says nothing
    server_version, sys_version = "gridagora", ""

    def do_GET(self) -> None:
        """Answer a request for a page or for what is known of the run."""
        if self.headers.get("Host") not in self.server.names:
            self._answer(HTTPStatus.FORBIDDEN, TEXT, f"This is {self.server.address} alone.\n")
            return
        path = self.path.partition("?")[0]
        if path == "/progress.json":
            self.server.asked_s = monotonic()
            now = self.server.progress.document()
            self._answer(HTTPStatus.OK, DATA, json.dumps(now, allow_nan=False))
            if now["state"] != "running":
                self.server.told_end.set()
        elif path == "/" or (path == "/report" and self.server.report):
            text = self.server.report or progress_page.html(self.server.progress.document())
            self._answer(HTTPStatus.OK, PAGE, text)
        else:
            self._answer(HTTPStatus.NOT_FOUND, TEXT, "Here are / and, when it is done, /report.\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        said = {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tell nobody: the terminal shows the run."""


@contextmanager
def serve_progress(progress: RunProgress, port: int) -> Iterator[ProgressServer]:
    """Yield a server of what is known of a run, on a port of this machine; 0 lets the system choose. It ends with the block.

    Raises
    ------
    InputError
        A port that cannot be had.
    """
    try:
        server = ProgressServer(port, progress)
    except OSError as fault:
        hint = "Leave --port out, and one that is free is taken."
        got = f"{port} ({fault.strerror})"
        raise InputError([Problem("--port", got, "a port that is free", hint)]) from None
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""Workers that start one after the other, and answer the health path once by themselves before they serve.

The first request of a Django process loads URLs, templates and connections, which takes longer than all
that follow; here no visitor waits for it. Whatever goes wrong is left for the check to meet.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import signal
import sys
import threading
import time
from typing import Any

overlay = json.loads(os.environ["ECDEPLOYER_OVERLAY"])
WAITING = f"/run/ecdeployer-{os.path.basename(overlay['home'])}.waiting"
#: Seconds that a worker waits for those before it, and that its own first answer may take.
PATIENCE = 30
DJANGO = (
    "django.core.handlers.asgi" if overlay["interface"] == "asgi" else "django.core.handlers.wsgi",
    "django.contrib.admin.sites",
    "django.contrib.staticfiles.finders",
    "django.core.management",
    "django.db.migrations",
    "django.db.models",
    "django.forms",
    "django.shortcuts",
    "django.template.defaulttags",
    "django.template.loader",
    "django.template.loader_tags",
    "django.views.generic",
)
READY = "A worker is ready."
ALL_READY = "All workers are ready."
#: How many there are; set by the configuration.
together = 0
#: Locks on a file belong to processes, so that workers can share what their master opened.
turn = os.memfd_create("turn")


def load_django() -> None:
    """Nine tenths of what a small project loads is Django, which needs no settings for that."""
    gc.disable()
    for name in DJANGO:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # Workers share these pages as long as nobody counts in them.
    gc.freeze()
    gc.enable()


def wait_for_turn(worker: Any) -> None:
    """Nothing of the project is loaded before it has migrated. The master ends whom it hears nothing of."""
    # Until the worker has handlers of its own, those of the master would do nothing here.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.path.exists(WAITING):
        worker.notify()
        time.sleep(0.02)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.lockf(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        worker.notify()
        time.sleep(0.02)


def end_turn() -> None:
    """The last of those that start together says so: nginx is pointed at a release when all are there.

    Those that take their place wait for each other, too: processes.py reads of each.
    """
    ready = int(os.pread(turn, 20, 0) or b"0") + 1
    os.pwrite(turn, b"%d" % ready, 0)
    sys.stderr.write(READY + "\n")
    if ready == together:
        sys.stderr.write(ALL_READY + "\n")
    fcntl.lockf(turn, fcntl.LOCK_UN)


def headers() -> dict[str, str]:
    return {
        "host": next(iter(overlay["addresses"]), "localhost"),
        "user-agent": "ecdeployer-check",
        "accept": "text/html,*/*",
        "x-forwarded-proto": "http",
        "x-forwarded-for": "127.0.0.1",
        "x-real-ip": "127.0.0.1",
    }


def ask_wsgi(application: Any) -> None:
    """In a thread, as the requests are: what it opened for itself alone, like a connection, ends with it."""
    thread = threading.Thread(target=_ask_wsgi, args=(application,), daemon=True)
    thread.start()
    thread.join(PATIENCE)


def _ask_wsgi(application: Any) -> None:
    path, _, query = overlay["health_path"].partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers().items()}
    with contextlib.suppress(Exception, SystemExit):
        body = application(environ, lambda *_: lambda _: None)
        try:
            for _ in body:
                pass
        finally:
            getattr(body, "close", lambda: None)()


class AskedFirst:
    """An ASGI application that is asked in the loop that it will serve in, before the server listens."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.asked = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return

        async def tell(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self.ask()
            await send(message)

        try:
            await self.application(scope, receive, tell)
        finally:
            # Django's own application knows no lifespan.
            await self.ask()

    async def ask(self) -> None:
        if self.asked:
            return
        self.asked = True
        path, _, query = overlay["health_path"].partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers().items()],
            "client": ("127.0.0.1", 0),
            "server": ("localhost", 80),
        }
        asked = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not asked:
                await asyncio.sleep(PATIENCE)
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(_: dict[str, Any]) -> None:
            pass

        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.application(scope, receive, send), PATIENCE)
        end_turn()

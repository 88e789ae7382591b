"""What gunicorn serves: the project's own application, after the release's settings are loaded.

A wsgi.py that sets DJANGO_SETTINGS_MODULE by force does no harm then.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sys
import traceback
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from ecdeployer_warmup import AskedFirst

overlay = json.loads(os.environ["ECDEPLOYER_OVERLAY"])
asynchronous = overlay["interface"] == "asgi"


def project_application() -> Any:
    name = overlay["asgi_module" if asynchronous else "wsgi_module"]
    try:
        found = getattr(importlib.import_module(name), "application", None) if name else None
    except ModuleNotFoundError as error:
        if not error.name or not f"{name}.".startswith(f"{error.name}."):
            raise
        found = None
    os.environ["DJANGO_SETTINGS_MODULE"] = "ecdeployer_settings"
    if found is not None:
        return found
    server = importlib.import_module("django.core.asgi" if asynchronous else "django.core.wsgi")
    return (server.get_asgi_application if asynchronous else server.get_wsgi_application)()


def print_traceback(**_: Any) -> None:
    """Django logs the errors of requests nowhere by default when DEBUG is off."""
    if sys.exc_info()[0]:
        traceback.print_exc()


class RefusalHandler(logging.Handler):
    """Tells why Django took a request for a suspicious one, which it logs nowhere else when DEBUG is off.

    A wrong Host gets no traceback: strangers send them all day.
    """

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(record.getMessage() + "\n")
        if record.exc_info and not record.name.endswith(".DisallowedHost"):
            traceback.print_exception(*record.exc_info)


def with_client_address(wsgi: Any) -> Any:
    """Gunicorn knows no address of a client behind a unix socket; nginx sets the header on every request."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP") or environ.get("REMOTE_ADDR") or "127.0.0.1"
        return wsgi(environ, start_response)

    return application


with contextlib.suppress(ModuleNotFoundError):
    settings.DEBUG  # noqa: B018
application = project_application()
got_request_exception.connect(print_traceback, weak=False)
logging.getLogger("django.security").addHandler(RefusalHandler())
application = AskedFirst(application) if asynchronous else with_client_address(application)

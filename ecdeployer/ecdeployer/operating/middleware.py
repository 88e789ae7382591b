"""The first and outermost: probes, which come with any Host, and the id of every request."""

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from .. import logs
from . import measures, readiness

#: What no page of ours asks a browser for.
_FEATURES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ProbeMiddleware:
    """Answers load balancers, which ask by address and without TLS, before anything else looks at them.

    ``/healthz``: this process answers. ``/readyz``: what it needs does too; 503 where it does not. It
    also says which release answers, to anybody: a deployment is validated with it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz" and request.method in ("GET", "HEAD"):
            return JsonResponse({"state": "ok"})
        if request.path == "/readyz" and request.method in ("GET", "HEAD"):
            return _ready()
        return self.get_response(request)


def _ready() -> JsonResponse:
    parts = readiness.read_parts()
    ready = all(part.is_ok for part in parts)
    body = {
        "state": "ok" if ready else "not ready",
        "release": settings.RELEASE.as_json(),
        "parts": {part.name: {"state": part.state, "milliseconds": part.milliseconds} for part in parts},
    }
    return JsonResponse(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


class MeasuringMiddleware:
    """Counts every request but the probes, by the name of its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        measures.note_request(request, response, seconds=time.perf_counter() - began)
        return response


class HeadersMiddleware:
    """What Django has no setting for. Nothing but static files is kept by any cache, or by a browser's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", _FEATURES)
        return response


#: What the ids in an address are of, by the namespace of its name, or by their own names.
_PARTS = {
    "applications": "application",
    "deployments": "deployment",
    "reports": "deployment",
    "commands": "command",
    "commands-reports": "command",
}
_NAMED = {"application": "application", "application_id": "application", "deployment_id": "deployment"}


class RequestIdMiddleware:
    """Every line that is logged while a request is answered has its id, and so has the answer.

    It also has the ids that stand in the address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        with logs.bound(request=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Sequence[Any], named: Mapping[str, Any]
    ) -> None:
        match = request.resolver_match
        parts = _NAMED | ({"pk": _PARTS[match.namespace]} if match and match.namespace in _PARTS else {})
        logs.bind(**{parts[name]: str(value) for name, value in named.items() if name in parts})

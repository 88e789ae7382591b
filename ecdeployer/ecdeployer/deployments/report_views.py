"""Where machines report on deployments."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .. import machine_reports
from . import reports
from .report_bodies import parse


@csrf_exempt
@require_POST
def receive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """200 with how far events and logs are in, and whether the result is."""

    def apply(body: bytes, token: str) -> dict[str, Any]:
        known = reports.apply(pk, parse(body), token=token)
        return {"event": known.event, "logs": known.logs, "final": known.final}

    return machine_reports.answer(request, authenticate=partial(reports.authenticate, pk), apply=apply)

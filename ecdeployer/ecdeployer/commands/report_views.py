"""Where machines report on commands."""

from functools import partial
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
    """200 with how far the output is in."""

    def apply(body: bytes, _: str) -> dict[str, int]:
        return {"next": reports.apply(pk, parse(body))}

    return machine_reports.answer(request, authenticate=partial(reports.authenticate, pk), apply=apply)

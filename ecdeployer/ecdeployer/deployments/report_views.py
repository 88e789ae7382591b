"""Where machines report. No session, no cookie: a token that is good for one deployment."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import reports
from .report_bodies import BODY_LIMIT, ReportError, parse


@csrf_exempt
@require_POST
def receive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """200 with what the portal has; 410: it was cancelled, stop; 401, 404 and 409 end the reporting alone.

    After anything else the machine tries again.
    """
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        reports.authenticate(pk, token)
        body = _body(request)
        if body is None:
            return HttpResponse(status=413)
        known = reports.apply(pk, parse(body), token=token)
    except reports.UnknownDeploymentError:
        return HttpResponse(status=404)
    except reports.WrongTokenError:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    except reports.CancelledError:
        return HttpResponse(status=410)
    except reports.EndedError:
        return HttpResponse(status=409)
    except ReportError as error:
        return JsonResponse({"error": str(error)}, status=400)
    return JsonResponse({"event": known.event, "logs": known.logs, "final": known.final})


def _body(request: HttpRequest) -> bytes | None:
    """At most BODY_LIMIT bytes are ever read; None when there are more."""
    body = request.read(BODY_LIMIT + 1)
    return None if len(body) > BODY_LIMIT else body

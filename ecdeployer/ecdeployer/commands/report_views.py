"""Where machines report on commands: a token that is good for one command."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import reports
from .report_bodies import BODY_LIMIT, ReportError, parse


@csrf_exempt
@require_POST
def receive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """200 with how far the output is in; 410: it has ended here, stop. After 5xx the machine tries again."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        reports.authenticate(pk, token)
        body = request.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            return HttpResponse(status=413)
        return JsonResponse({"next": reports.apply(pk, parse(body))})
    except reports.UnknownCommandError:
        return HttpResponse(status=404)
    except reports.WrongTokenError:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    except reports.EndedError:
        return HttpResponse(status=410)
    except ReportError as error:
        return JsonResponse({"error": str(error)}, status=400)

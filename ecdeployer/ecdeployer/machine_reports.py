"""What machines say, of a deployment or of a command: with a token for one record, bounded, read strictly.

Everything in it is hostile until it has been checked. No session, no cookie.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

#: Bytes of a body.
BODY_LIMIT = 256 * 1024
#: Bytes of a file that a machine tells of.
OFFSET_LIMIT = 1 << 40


class ReportError(ValueError):
    """The body is no report; the text names the field."""


class UnknownError(LookupError):
    """There is no such record."""


class WrongTokenError(PermissionError):
    """The token is not this record's."""


class EndedError(Exception):
    """The record has ended; nothing more is wanted of the machine."""


class CancelledError(EndedError):
    """It was cancelled, its deadline has passed, or nobody waits for it: the machine is to stop its work."""


def answer(
    request: HttpRequest,
    *,
    authenticate: Callable[[str], None],
    apply: Callable[[bytes, str], Mapping[str, Any]],
) -> HttpResponse:
    """200 with what the portal has, as ``apply`` says; it is given body and token.

    410: stop; 401, 404 and 409 end the reporting alone. After anything else the machine tries again. No body
    is read for a wrong token, and of one that is too long no more than shows that it is.
    """
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        authenticate(token)
        body = request.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            return HttpResponse(status=413)
        return JsonResponse(apply(body, token))
    except UnknownError:
        return HttpResponse(status=404)
    except WrongTokenError:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    except CancelledError:
        return HttpResponse(status=410)
    except EndedError:
        return HttpResponse(status=409)
    except ReportError as error:
        return JsonResponse({"error": str(error)}, status=400)


def load(body: bytes) -> Any:
    """JSON as its standard has it: no NaN. Raises ReportError, as do all that follow."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ReportError("the body is not JSON") from error


def _refuse_constant(name: str) -> None:
    raise ReportError(f"{name} is no number")


def fields(
    item: Any, what: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """``item`` as an object of these names and no others."""
    if not isinstance(item, dict):
        raise ReportError(f"{what}: not an object")
    if missing := set(required) - set(item):
        raise ReportError(f"{what}: no {min(missing)}")
    if set(item) - {*required, *optional}:
        raise ReportError(f"{what}: a field too many")
    return item


def integer(given: Mapping[str, Any], name: str, *, low: int, high: int) -> int:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ReportError(f"{name}: not a number from {low} to {high}")
    return value


def text(given: Mapping[str, Any], name: str, *, limit: int) -> str:
    """Longer text is cut: what a site prints must not keep its report out."""
    value = given.get(name, "")
    if not isinstance(value, str):
        raise ReportError(f"{name}: not text")
    return value[:limit]

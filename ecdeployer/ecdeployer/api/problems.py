"""What is answered when a request is not: problem details, https://www.rfc-editor.org/rfc/rfc9457."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from ..applications.actions import RefusedError
from ..commands.actions import RefusedError as CommandRefusedError

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """``code`` ends the problem's type, whose address is a place on the page that describes the API."""

    code: str
    status: int
    title: str
    meaning: str


UNREADABLE = Kind(
    "unreadable", 400, "The request cannot be read", "The body is not JSON, or the request is malformed."
)
UNAUTHORIZED = Kind(
    "unauthorized", 401, "A token is needed", "There is no token, or it is unknown, expired or revoked."
)
NOT_FOUND = Kind("not-found", 404, "There is nothing", "Nothing of yours has this address.")
NOT_ALLOWED = Kind(
    "not-allowed", 405, "Not with this method", "The header Allow names the methods there are."
)
REFUSED = Kind("refused", 409, "It cannot be done now", "It cannot be done now; the detail says why.")
TOO_LARGE = Kind("too-large", 413, "The request is too large", "The body is longer than the portal reads.")
INVALID = Kind(
    "invalid", 422, "Something in the request is wrong", "Something in the request is wrong: see the errors."
)
KEY_REUSED = Kind(
    "key-reused",
    422,
    "The Idempotency-Key was used before",
    "The Idempotency-Key came with another request before. Take a new one.",
)
DEFECT = Kind("defect", 500, "The portal failed", "The mistake is the portal's, and in its operator's log.")
KINDS = (UNREADABLE, UNAUTHORIZED, NOT_FOUND, NOT_ALLOWED, REFUSED, TOO_LARGE, INVALID, KEY_REUSED, DEFECT)


class Problem(Schema):
    type: str = Field(description="The kind of problem: an address that describes it.")
    title: str
    status: int
    detail: str = Field(description="What was found here, for a person.")
    errors: dict[str, list[str]] | None = Field(
        None, description="What is wrong with each field, under the field's name."
    )


class InvalidError(Exception):
    """``errors`` are messages by the name of the field."""

    def __init__(self, errors: Mapping[str, Iterable[object]]) -> None:
        super().__init__(errors)
        self.errors = {field: [str(message) for message in messages] for field, messages in errors.items()}


class KeyReusedError(Exception):
    """The Idempotency-Key belongs to another request."""


def documented(*kinds: Kind) -> dict[int, type[Problem]]:
    """The answers of an endpoint that these kinds may come from."""
    return {kind.status: Problem for kind in kinds}


def body_of(kind: Kind, detail: str = "", *, errors: Mapping[str, list[str]] | None = None) -> bytes:
    problem: dict[str, Any] = {
        "type": f"{settings.PORTAL_URL}/api/v1/docs#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.meaning,
    }
    return json.dumps(problem | ({"errors": errors} if errors else {})).encode()


def kind_of(status: int) -> Kind:
    """The kind of an answer that only has a status."""
    phrase = HTTPStatus(status).phrase
    other = Kind(
        "unreadable" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "defect", status, phrase, phrase
    )
    return next((kind for kind in KINDS if kind.status == status), other)


def answer_exceptions(api: NinjaAPI) -> None:
    """Answer what endpoints raise; anything else is a defect, which Django reports."""
    for exception, answer in _ANSWERS.items():
        api.add_exception_handler(exception, answer)


def _answer(kind: Kind, detail: str = "", *, errors: Mapping[str, list[str]] | None = None) -> HttpResponse:
    return HttpResponse(body_of(kind, detail, errors=errors), status=kind.status, content_type=CONTENT_TYPE)


def _unauthorized(request: HttpRequest, error: Exception) -> HttpResponse:
    answer = _answer(UNAUTHORIZED)
    given = ', error="invalid_token"' if "Authorization" in request.headers else ""
    answer.headers["WWW-Authenticate"] = f'Bearer realm="{settings.SITE_NAME}"{given}'
    return answer


def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors: dict[str, list[str]] = {}
    for each in error.errors:
        field, message = _field_of(each)
        errors.setdefault(field, []).append(message)
    return _invalid(request, InvalidError(errors))


def _field_of(error: Mapping[str, Any]) -> tuple[str, str]:
    """The first name below the body or the query, and the message with what lies deeper before it."""
    source, *path = error["loc"]
    field, *deeper = [str(part) for part in (path[1:] if source == "body" else path)] or ["body"]
    message = str(error["msg"])
    if error["type"] == "extra_forbidden":
        message = "There is no such field."
    return field, f"{'.'.join(deeper)}: {message}" if deeper else message


def _invalid(request: HttpRequest, error: InvalidError) -> HttpResponse:
    detail = " ".join(f"{field}: {message}" for field, found in error.errors.items() for message in found)
    return _answer(INVALID, detail, errors=error.errors)


def _refused(request: HttpRequest, error: Exception) -> HttpResponse:
    return _answer(REFUSED, str(error))


_ANSWERS: dict[type[Exception], Any] = {
    AuthenticationError: _unauthorized,
    CommandRefusedError: _refused,
    HttpError: lambda request, error: _answer(kind_of(error.status_code)),
    Http404: lambda request, error: _answer(NOT_FOUND, str(error)),
    InvalidError: _invalid,
    KeyReusedError: lambda request, error: _answer(KEY_REUSED),
    RefusedError: _refused,
    RequestDataTooBig: lambda request, error: _answer(TOO_LARGE),
    ValidationError: _malformed,
}

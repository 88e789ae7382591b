"""Problem details for what never reaches an endpoint too: wrong addresses, methods, hosts, and defects."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from . import problems

_ROOT = "/api/"


class ProblemMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if request.path.startswith(_ROOT) and answer.status_code >= HTTPStatus.BAD_REQUEST:
            _describe(answer)
        return answer


def _describe(answer: HttpResponse) -> None:
    if answer.headers.get("Content-Type") == problems.CONTENT_TYPE:
        return
    answer.content = problems.body_of(problems.kind_of(answer.status_code))
    answer.headers["Content-Type"] = problems.CONTENT_TYPE
    answer.headers["Content-Length"] = str(len(answer.content))

"""Deliveries turn off here: senders have no session, no form and no language, and there are many of them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve


class HookMiddleware:
    """Answers below ``/hooks/`` itself; whatever stands after it in the settings is for people and programs.

    What stands before it measures, logs and adds headers, as everywhere. A Host that is none of the portal's
    is refused here, since nothing after this is asked.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/hooks/"):
            return self.get_response(request)
        request.get_host()
        try:
            match = request.resolver_match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        response.headers["Content-Length"] = str(len(response.content))
        return response

"""Answers to a page that asks every second whether something moved."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django_htmx.http import HTMX_STOP_POLLING


def answer_poll(
    request: HttpRequest, *, etag: str, is_moving: bool, answer: Callable[[], HttpResponse]
) -> HttpResponse:
    """304 with no body while nothing moved, else the fragment; 286 ends htmx's asking when all is final."""
    tag = quote_etag(etag)
    response = get_conditional_response(request, etag=tag) if is_moving else None
    if not isinstance(response, HttpResponse):
        response = answer()
        if not is_moving:
            response.status_code = HTMX_STOP_POLLING
    response["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response

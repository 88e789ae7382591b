"""Answers to a page that asks every second whether something moved."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django_htmx.http import HTMX_STOP_POLLING


def answer_poll(
    request: HttpRequest, *, etag: str, answer: Callable[[], tuple[HttpResponse, bool]]
) -> HttpResponse:
    """304 with no body while nothing moved, else the fragment; 286 ends htmx's asking when all is final.

    ``answer`` gives the fragment, and whether there is something to wait for: only then has it a tag, so that
    a 304 never keeps a page asking. The tag was read before what it stands for: what moves in between is
    shown at once, and again at the next question.
    """
    tag = quote_etag(etag)
    response = get_conditional_response(request, etag=tag)
    if not isinstance(response, HttpResponse):
        response, is_moving = answer()
        if is_moving:
            response["ETag"] = tag
        else:
            response.status_code = HTMX_STOP_POLLING
    patch_cache_control(response, private=True, no_cache=True)
    return response

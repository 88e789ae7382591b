"""The portal about itself: its numbers for operators and their machines, its release for whoever signs in."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from ..accounts.requests import SignedInRequest, signed_in
from . import metrics


@require_safe
@signed_in
def about(request: SignedInRequest) -> HttpResponse:
    return render(request, "operating/about.html", {"release": settings.RELEASE})


@never_cache
@require_GET
def show_metrics(request: HttpRequest) -> HttpResponse:
    """With METRICS_TOKEN as a bearer token, or to staff who are signed in. Others get 404."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    wanted = settings.METRICS_TOKEN.encode()
    allowed = (wanted and hmac.compare_digest(given, wanted)) or request.user.is_staff
    if not allowed:
        raise Http404
    return HttpResponse(metrics.render(), content_type=CONTENT_TYPE_LATEST)

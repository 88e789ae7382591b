"""The portal about itself: its numbers for operators and their machines, its release for whoever signs in."""

import hmac
import logging
import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from ..accounts.requests import SignedInRequest, signed_in
from ..aws import s3
from ..aws.errors import AWSError
from ..instances.connection import aws
from . import metrics

logger = logging.getLogger(__name__)
#: With what ManifestStaticFilesStorage puts before the extension. S3 takes keys of 1,024 bytes at most.
_HASHED = re.compile(r"(?:\w[\w.-]{0,59}/){0,9}\w[\w.-]{0,149}\.[0-9a-f]{12}\.[a-z0-9.]{1,20}", re.ASCII)


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


@require_safe
def static_file(request: HttpRequest, name: str) -> HttpResponse:
    """One of another release's, from the bucket: this machine's own are served before they come here.

    While machines are updated one by one, a page of one release may ask the machine of another for its files.
    What S3 refuses is not found, for this once: errors of the portal's own would end the deployment.
    """
    if not settings.STATIC_BUCKET or not _HASHED.fullmatch(name):
        raise Http404
    try:
        found = s3.read(aws(), settings.STATIC_BUCKET, name)
    except AWSError as error:
        logger.warning("Static file %s: %s", name, error.operator)
        raise Http404 from None
    if found is None:
        raise Http404
    response = HttpResponse(found.body, content_type=found.type)
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response

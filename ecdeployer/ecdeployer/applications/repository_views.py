"""An application's repository, and the deploy key that opens it where it is private."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..deployments.actions import RefusedError
from ..git.repository import RepositoryURL, RepositoryURLError, parse_url
from . import deploy_keys
from .models import DeployKey
from .overview import read_overview
from .queries import find_application


@require_GET
@signed_in
def repository(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    key = (
        DeployKey.objects.filter(application=application).exclude(public="").select_related("made_by").first()
    )
    context = {"overview": read_overview(application), "source": _source(application.github_url), "key": key}
    return render(request, "applications/repository.html", context)


@require_POST
@signed_in
def make_key(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    return _do(
        request,
        pk,
        lambda: deploy_keys.make(application, by=request.user),
        "The key is made. Add its public half to the repository before the next deployment.",
    )


@require_POST
@signed_in
def remove_key(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    return _do(request, pk, lambda: deploy_keys.remove(application, by=request.user), "The key is removed.")


def _do(request: SignedInRequest, pk: UUID, action: Callable[[], object], success: str) -> HttpResponse:
    try:
        action()
        messages.success(request, success)
    except RefusedError as error:
        messages.error(request, str(error))
    return redirect("applications:repository", pk=pk)


def _source(url: str) -> RepositoryURL | None:
    """None where the operator allows its host no more."""
    try:
        return parse_url(url, allowed_hosts=settings.GIT_HOSTS)
    except RepositoryURLError:
        return None

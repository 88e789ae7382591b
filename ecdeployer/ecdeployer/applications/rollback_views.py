"""Going back to a release that the machine keeps."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from ..accounts.requests import SignedInRequest, signed_in
from ..deployments import releases
from ..deployments.migration_plans import migrations_between
from ..deployments.models import Deployment
from . import actions
from .overview import read_overview
from .queries import find_application


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def roll_back(request: SignedInRequest, pk: UUID, number: int) -> HttpResponse:
    """What going back means, and doing it."""
    overview = read_overview(find_application(request.user, pk))
    kept = releases.kept(overview.application)
    to = next((each for each in kept if each.number == number), None)
    if to is None:
        raise Http404("The machine keeps no release of this number.")
    if request.method == "POST":
        try:
            actions.roll_back(to, by=request.user, trigger=Deployment.Trigger.PAGE)
        except actions.RefusedError as error:
            messages.error(request, str(error))
        return redirect(overview.application)
    since = overview.application.deployments.filter(number__gt=number).defer("findings", "changes")
    context = {
        "overview": overview,
        "to": to,
        "live": releases.live(overview.application),
        "between": migrations_between(since, target=to),
    }
    return render(request, "applications/rollback.html", context)

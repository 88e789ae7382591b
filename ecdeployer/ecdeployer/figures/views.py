"""What an application's machine and site do, and did."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ..accounts.requests import SignedInRequest, signed_in
from ..applications.overview import read_overview
from ..applications.queries import find_application
from .queries import PERIODS, read_page


@require_GET
@signed_in
def show_figures(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Of the last hour, day or week."""
    application = find_application(request.user, pk)
    period = PERIODS.get(request.GET.get("period", ""), PERIODS["hour"])
    context = {"overview": read_overview(application), "page": read_page(application, period)}
    return render(request, "figures/show.html", context)

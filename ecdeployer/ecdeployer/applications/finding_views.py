"""The help pages: what each finding of preflight means, and what to do about it. Anybody may read them."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ..preflight import catalogue


@require_safe
def list_findings(request: HttpRequest) -> HttpResponse:
    return render(request, "findings/index.html", {"findings": catalogue.entries().values()})


@require_safe
def show_finding(request: HttpRequest, code: str) -> HttpResponse:
    entry = catalogue.entries().get(code)
    if entry is None:
        raise Http404("Preflight has no finding of this code.")
    return render(request, "findings/detail.html", {"finding": entry})

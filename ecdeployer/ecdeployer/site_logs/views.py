"""The logs of an application's machine: asked for, followed, taken away."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from ..accounts.requests import SignedInRequest, signed_in
from ..applications.models import Application
from ..applications.overview import read_overview
from ..applications.queries import find_application
from ..commands import output, queue
from ..commands.actions import RefusedError
from ..commands.models import Command
from ..commands.sources import Source
from ..deployments.fragments import answer_poll
from . import actions
from .forms import LogForm
from .queries import deployments_of, find_reading, search_deployments, sources_of
from .questions import SEARCH

INVALID = 422
#: Characters on the page, and in one answer to it.
SHOWN = 128 * 1024


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def show_logs(request: SignedInRequest, application: UUID) -> HttpResponse:
    """The form; posting asks the machine. A page with JavaScript posts at once, and gets a part back."""
    found = find_application(request.user, application)
    form = LogForm(request.POST or None, sources=sources_of(found), initial={"source": "web"})
    if request.method != "POST":
        return _show(request, found, form)
    if form.is_valid():
        try:
            shown = _shown(request)
            reading = actions.ask(found, form.question, by=request.user, instead_of=shown)
        except RefusedError as error:
            form.add_error(None, str(error))
        else:
            return _answer(request, reading)
    if request.htmx:
        return render(request, "logs/_refused.html", {"form": form})
    return _show(request, found, form, status=INVALID)


def _answer(request: SignedInRequest, reading: Command) -> HttpResponse:
    if not request.htmx:
        return redirect("logs:reading", reading.pk)
    if reading.arguments["whole"]:
        return HttpResponseClientRedirect(reverse("logs:reading", args=[reading.pk]))
    return render(request, "logs/_reading.html", _context(reading))


def _shown(request: SignedInRequest) -> Command | None:
    """What the page showed when it asked for something else."""
    with suppress(ValueError, Http404):
        return find_reading(request.user, UUID(request.POST.get("shown", "")))
    return None


def _show(
    request: HttpRequest,
    application: Application,
    form: LogForm,
    *,
    reading: Command | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"overview": read_overview(application), "form": form, **(_context(reading) if reading else {})}
    return render(request, "logs/show.html", context, status=status)


@require_GET
@signed_in
def show_reading(request: SignedInRequest, pk: UUID) -> HttpResponse:
    reading = find_reading(request.user, pk)
    queue.want(reading)
    form = LogForm(initial=reading.arguments, sources=sources_of(reading.application))
    return _show(request, reading.application, form, reading=reading)


@require_GET
@signed_in
def poll_reading(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """What has come since, to be put behind what the page has."""
    reading = find_reading(request.user, pk)
    queue.want(reading)
    after = _after(request)

    def answer() -> tuple[HttpResponse, bool]:
        context = _context(reading, after=after)
        goes_on = not reading.is_final or context["after"] < reading.output_length
        return render(request, "logs/_more.html", {**context, "goes_on": goes_on}), goes_on

    return answer_poll(request, etag=_etag(reading, reading.output_length), answer=answer)


def _after(request: HttpRequest) -> int:
    text = request.GET.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _context(reading: Command, *, after: int | None = None) -> dict[str, Any]:
    """Its last lines, or those from a place on."""
    whole = reading.arguments["whole"]
    begin = max(0, reading.output_length - SHOWN) if after is None else after
    text, end = "", reading.output_length
    if not whole and begin < reading.output_length:
        text, end = output.read(reading.pk, begin, size=SHOWN)
    return {
        "reading": reading,
        "source": Source(name=reading.arguments["source"]),
        "text": text,
        "is_cut": after is None and begin > 0,
        "after": end,
        "etag": _etag(reading, end),
        "goes_on": not reading.is_final,
    }


def _etag(reading: Command, end: int) -> str:
    return f"{reading.pk}-{reading.revision}-{end}"


@require_GET
@signed_in
def take_file(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """All that has come in, as a file: a browser never reads markup in it."""
    reading = find_reading(request.user, pk)
    response = HttpResponse(output.everything(reading), content_type="text/plain; charset=utf-8")
    name = slugify(f"{reading.application.name}-{reading.arguments['source']}")
    response["Content-Disposition"] = f'attachment; filename="{name}.log"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_GET
@signed_in
def show_deployments(request: SignedInRequest, application: UUID) -> HttpResponse:
    """What the steps of the newest deployments have printed, and a search in it."""
    found = find_application(request.user, application)
    search = request.GET.get("search", "")[:SEARCH].replace("\0", "")
    context = {
        "overview": read_overview(found),
        "search": search,
        "excerpts": search_deployments(found, search) if search.strip() else [],
        "deployments": [] if search.strip() else deployments_of(found),
    }
    return render(request, "logs/deployments.html", context)

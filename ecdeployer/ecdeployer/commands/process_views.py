"""The processes of an application's machine: what they are, their state, and their restart."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..applications.models import Application, Schedule
from ..applications.overview import read_overview
from ..applications.queries import find_application
from ..deployments.fragments import answer_poll
from . import actions, processes
from .forms import ScheduleForm
from .queries import find_schedule

INVALID = 422


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def show_processes(request: SignedInRequest, application: UUID) -> HttpResponse:
    """The processes and the schedules; posting adds a schedule."""
    found = find_application(request.user, application)
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and _saved(request, found, form):
        return redirect("processes:list", application)
    context = {"overview": read_overview(found), **_context(found), "form": form}
    return render(request, "commands/processes.html", context, status=INVALID if form.is_bound else 200)


@require_GET
@signed_in
def poll_processes(request: SignedInRequest, application: UUID) -> HttpResponse:
    """Asked for while a question is under way."""
    context = _context(find_application(request.user, application))
    asked = context["reading"].asked

    def answer() -> tuple[HttpResponse, bool]:
        return render(request, "commands/_processes.html", context), asked is not None

    etag = f"{asked.pk}-{asked.revision}" if asked else f"{application}-told"
    return answer_poll(request, etag=etag, answer=answer)


@require_POST
@signed_in
def ask(request: SignedInRequest, application: UUID) -> HttpResponse:
    """Ask the machine. htmx gets the fragment, which polls then."""
    found = find_application(request.user, application)
    try:
        actions.ask_processes(found, by=request.user)
    except actions.RefusedError as error:
        messages.info(request, str(error))
    if getattr(request, "htmx", False):
        return render(request, "commands/_processes.html", _context(found))
    return redirect("processes:list", application)


@require_POST
@signed_in
def restart(request: SignedInRequest, application: UUID, name: str) -> HttpResponse:
    found = find_application(request.user, application)
    try:
        actions.restart(found, name, by=request.user)
    except actions.UnknownProcessError as error:
        raise Http404(str(error)) from error
    except actions.RefusedError as error:
        messages.info(request, str(error))
    return redirect("processes:list", application)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def change_schedule(request: SignedInRequest, pk: UUID) -> HttpResponse:
    schedule = find_schedule(request.user, pk)
    given = {"cron": schedule.cron, "words": schedule.line.removeprefix("manage.py ")}
    form = ScheduleForm(request.POST or None, initial=given)
    if request.method == "POST" and _saved(request, schedule.application, form, schedule):
        return redirect("processes:list", schedule.application_id)
    context = {"overview": read_overview(schedule.application), "schedule": schedule, "form": form}
    return render(request, "commands/schedule.html", context, status=INVALID if form.is_bound else 200)


def _saved(
    request: SignedInRequest, application: Application, form: ScheduleForm, schedule: Schedule | None = None
) -> bool:
    if not form.is_valid():
        return False
    words, cron = form.cleaned_data["words"], form.cleaned_data["cron"]
    enabled = schedule.enabled if schedule else True
    try:
        actions.save_schedule(application, words, cron, schedule=schedule, enabled=enabled, by=request.user)
    except actions.RefusedError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_POST
@signed_in
def switch_schedule(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """On or off, the other of what it was."""
    found = find_schedule(request.user, pk)
    actions.save_schedule(
        found.application, found.words, found.cron, schedule=found, enabled=not found.enabled, by=request.user
    )
    return redirect("processes:list", found.application_id)


@require_POST
@signed_in
def remove_schedule(request: SignedInRequest, pk: UUID) -> HttpResponse:
    found = find_schedule(request.user, pk)
    actions.remove_schedule(found, by=request.user)
    return redirect("processes:list", found.application_id)


@require_POST
@signed_in
def run_schedule(request: SignedInRequest, pk: UUID) -> HttpResponse:
    found = find_schedule(request.user, pk)
    try:
        return redirect("commands:detail", actions.run_schedule(found, by=request.user).pk)
    except actions.RefusedError as error:
        messages.info(request, str(error))
    return redirect("processes:list", found.application_id)


def _context(application: Application) -> dict[str, Any]:
    reading = processes.read(application)
    schedules = [
        (each, list(reversed(reading.runs.get(str(each.pk), [])))) for each in application.schedules.all()
    ]
    return {"application": application, "reading": reading, "schedules": schedules}

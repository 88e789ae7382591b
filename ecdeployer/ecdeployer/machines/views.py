"""The page of a machine, and what it may be asked for; each of that is confirmed on a page of its own."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from ..accounts.models import User
from ..accounts.requests import SignedInRequest, signed_in
from ..applications.models import Application
from ..applications.queries import find_application
from ..deployments.fragments import answer_poll
from ..deployments.models import Deployment
from . import actions
from .models import Change
from .queries import Machine, read_machine, types_for

INVALID = 422
_ALLOWED = ["GET", "HEAD", "POST"]


@require_GET
@signed_in
def show_machine(request: SignedInRequest, pk: UUID) -> HttpResponse:
    machine = read_machine(find_application(request.user, pk))
    return render(request, "machines/detail.html", _context(machine))


@require_GET
@signed_in
def poll_machine(request: SignedInRequest, pk: UUID) -> HttpResponse:
    machine = read_machine(find_application(request.user, pk))

    def answer() -> tuple[HttpResponse, bool]:
        return render(request, "machines/_live.html", _context(machine)), machine.is_moving

    return answer_poll(request, etag=machine.tag, answer=answer)


def _context(machine: Machine) -> dict[str, Any]:
    return {"machine": machine, "overview": machine.overview, "etag": machine.tag}


@require_http_methods(_ALLOWED)
@signed_in
def stop(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return _confirm(request, pk, Change.Kind.STOP, actions.stop)


@require_http_methods(_ALLOWED)
@signed_in
def start(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return _confirm(request, pk, Change.Kind.START, actions.start)


@require_http_methods(_ALLOWED)
@signed_in
def reboot(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return _confirm(request, pk, Change.Kind.REBOOT, actions.reboot)


def _confirm(
    request: SignedInRequest, pk: UUID, kind: Change.Kind, act: Callable[..., object]
) -> HttpResponse:
    application = find_application(request.user, pk)
    if request.method == "POST":
        return _act(request, application, act)
    context = {**_context(read_machine(application)), "kind": kind}
    return render(request, "machines/confirm.html", context)


@require_http_methods(_ALLOWED)
@signed_in
def resize(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    if request.method == "POST":
        chosen = request.POST.get("instance_type", "")

        def act(application: Application, *, by: User) -> object:
            return actions.resize(application, chosen, by=by)

        return _act(request, application, act)
    machine = read_machine(application)
    types = types_for(machine.instance) if machine.instance else []
    return render(request, "machines/resize.html", {**_context(machine), "types": types})


@require_http_methods(_ALLOWED)
@signed_in
def rebuild(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    if request.method == "POST":
        try:
            actions.rebuild(
                application,
                by=request.user,
                trigger=Deployment.Trigger.PAGE,
                new_address="new_address" in request.POST,
            )
        except actions.RefusedError as error:
            messages.error(request, str(error))
            return redirect("machines:machine", pk=pk)
        return redirect(application)
    return render(request, "machines/rebuild.html", _context(read_machine(application)))


def _act(request: SignedInRequest, application: Application, act: Callable[..., object]) -> HttpResponse:
    try:
        act(application, by=request.user)
    except actions.RefusedError as error:
        messages.error(request, str(error))
    return redirect("machines:machine", pk=application.pk)

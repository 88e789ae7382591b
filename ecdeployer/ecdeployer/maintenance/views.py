"""An application's page Maintenance."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..accounts.middleware import address_of
from ..accounts.requests import SignedInRequest, signed_in
from ..applications.editing import MovedError
from ..applications.editing_forms import add_moved
from ..applications.models import Application
from ..applications.overview import read_overview
from ..applications.queries import find_application
from ..commands.models import Command
from ..deployments.actions import RefusedError
from ..deployments.fragments import answer_poll
from ..deployments.progress import fingerprint
from . import actions
from .forms import MaintenanceForm
from .models import Maintenance

INVALID = 422
_COLUMNS = tuple(MaintenanceForm.base_fields)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def maintenance(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Posting saves how it is to be; ``own`` lets the person's own address through as well."""
    application = find_application(request.user, pk)
    if request.method != "POST":
        return _show(request, application, None)
    data = request.POST.copy()
    if "own" in data:
        data["addresses"] = f"{data.get('addresses', '')}\n{address_of(request) or ''}"
    form = MaintenanceForm(data)
    if form.is_valid() and _save(request, application, form, seen=data.get("seen", "")):
        return redirect("maintenance:page", pk=pk)
    return _show(request, application, form)


@require_POST
@signed_in
def switch(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    is_on = request.POST.get("maintenance") == "on"
    try:
        actions.change(application, by=request.user, is_on=is_on)
    except RefusedError as error:
        messages.error(request, str(error))
    else:
        word = "on: visitors get the maintenance page" if is_on else "off: visitors get the site"
        messages.success(request, f"Maintenance is switched {word} as soon as the machine has heard.")
    return redirect("maintenance:page", pk=pk)


@require_GET
@signed_in
def poll_maintenance(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Whether the machine has confirmed."""
    application = find_application(request.user, pk)
    context = _state(application, Maintenance.of(application))
    row, told = context["maintenance"], context["told"]
    etag = fingerprint(pk, row.revision, row.confirmed, row.machine_id, told and (told.pk, told.revision))

    def answer() -> tuple[HttpResponse, bool]:
        return render(request, "maintenance/_state.html", context), context["is_moving"]

    return answer_poll(request, etag=etag, answer=answer)


def _save(request: SignedInRequest, application: Application, form: MaintenanceForm, *, seen: str) -> bool:
    try:
        actions.change(application, by=request.user, seen=seen, **form.cleaned_data)
    except MovedError as error:
        add_moved(form, error.values)
        return False
    except RefusedError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, "Saved.")
    return True


def _show(request: SignedInRequest, application: Application, form: MaintenanceForm | None) -> HttpResponse:
    """``form`` as it was refused."""
    row = Maintenance.of(application)
    shown = form or MaintenanceForm(initial=_values(row))
    context = _state(application, row) | {"form": shown, "own": address_of(request)}
    return render(request, "maintenance/page.html", context, status=INVALID if form else 200)


def _state(application: Application, row: Maintenance) -> dict[str, Any]:
    """What is wanted, what the machine has of it, and the last that it was told."""
    overview = read_overview(application)
    told = Command.objects.filter(application=application, action=Command.Action.MAINTENANCE).first()
    confirmed = overview.instance is not None and row.is_confirmed_by(overview.instance)
    return {
        "overview": overview,
        "maintenance": row,
        "confirmed": confirmed,
        "told": told,
        "is_moving": bool(row.revision and overview.address and not confirmed),
    }


def _values(row: Maintenance) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}

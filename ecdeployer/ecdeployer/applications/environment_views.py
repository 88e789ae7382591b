"""An application's environment variables: read where they are not secret, changed, applied, taken away."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..deployments.models import Deployment
from . import actions
from .environment import history, read_variables
from .environment_forms import ImportForm, VariableForm
from .models import Application, EnvironmentVariable
from .overview import is_unapplied, read_overview
from .queries import find_application

#: A form that could not be accepted comes back with this status.
INVALID = 422


@require_GET
@signed_in
def environment(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return show(request, find_application(request.user, pk))


@require_POST
@signed_in
def change_variable(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Make one, or give one a new value, or turn what it is."""
    application = find_application(request.user, pk)
    present = read_variables(application)
    existing = present.get(request.POST.get("name", ""))
    form = VariableForm(request.POST, present=existing)
    if not form.is_valid():
        return show(request, application, present=present, changed=form)
    name, value, plain = (form.cleaned_data[field] for field in ("name", "value", "plain"))
    return save(request, application, values={name: value}, secret={name: not plain})


@require_POST
@signed_in
def remove_variable(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    name = request.POST.get("name", "").replace("\0", "")
    if not application.environment.filter(name=name).exists():
        messages.info(request, "That variable was removed already.")
        return redirect("applications:environment", pk=pk)
    return save(request, application, values={name: None}, secret={})


@require_POST
@signed_in
def apply_environment(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    return redirect(application) if _apply(request, application) else _back(application)


@require_POST
@signed_in
def export(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """A file to keep. Posted, since the history says who took it."""
    application = find_application(request.user, pk)
    text = actions.export_environment(application, by=request.user)
    response = HttpResponse(text.encode(), content_type="text/plain; charset=utf-8")
    name = content_disposition_header(as_attachment=True, filename=f"{application.name}.env")
    response.headers["Content-Disposition"] = str(name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def save(
    request: SignedInRequest,
    application: Application,
    *,
    values: dict[str, str | None],
    secret: dict[str, bool],
) -> HttpResponse:
    """And apply, where the button says so: then the application's page shows the deployment."""
    try:
        actions.set_environment(application, by=request.user, values=values, secret=secret)
    except actions.RefusedError as error:
        messages.error(request, str(error))
        return _back(application)
    if "apply" in request.POST:
        return redirect(application) if _apply(request, application) else _back(application)
    messages.success(request, "Saved. The site has the change with its next deployment.")
    return _back(application)


def _apply(request: SignedInRequest, application: Application) -> bool:
    try:
        deployment = actions.apply_environment(application, by=request.user, trigger=Deployment.Trigger.PAGE)
    except actions.RefusedError as error:
        messages.error(request, f"What is saved was not applied. {error}")
        return False
    messages.success(request, f"Deployment {deployment.number} brings the saved variables live.")
    return True


def _back(application: Application) -> HttpResponse:
    return redirect("applications:environment", pk=application.pk)


def show(
    request: SignedInRequest,
    application: Application,
    *,
    present: dict[str, EnvironmentVariable] | None = None,
    changed: VariableForm | None = None,
    imported: ImportForm | None = None,
) -> HttpResponse:
    """The page, with the form in its place that could not be accepted."""
    found = read_variables(application) if present is None else present
    forms = {name: VariableForm(present=each) for name, each in found.items()}
    if changed is not None and changed.present is not None:
        forms[changed.present.name] = changed
    added = changed if changed is not None and changed.present is None else None
    context: dict[str, Any] = {
        "overview": read_overview(application),
        "variables": list(forms.values()),
        "add_form": added or VariableForm(),
        "import_form": imported or ImportForm(),
        "changed": changed,
        "unapplied": is_unapplied(application),
        "events": history(application),
    }
    status = 200 if changed is None and imported is None else INVALID
    return render(request, "applications/environment.html", context, status=status)

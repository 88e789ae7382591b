"""An application's environment variables: names, never values, and what changes them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from . import actions
from .forms import VariableForm, VariablesForm
from .overview import read_overview
from .queries import find_application


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def environment(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """The list; posting adds or replaces the variables that are named."""
    application = find_application(request.user, pk)
    form = VariablesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _save(request, application, form.cleaned_data["environment"])
    return _show(request, application, form=form)


@require_POST
@signed_in
def change_variable(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    form = VariableForm(request.POST)
    if form.is_valid():
        return _save(request, application, {form.cleaned_data["name"]: form.cleaned_data["value"]})
    return _show(request, application, changed=form)


@require_POST
@signed_in
def remove_variable(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    name = request.POST.get("name", "").replace("\0", "")
    if not application.environment.filter(name=name).exists():
        messages.info(request, "That variable was removed already.")
        return redirect("applications:environment", pk=pk)
    return _save(request, application, {name: None})


def _save(request: SignedInRequest, application: Any, values: dict[str, str | None]) -> HttpResponse:
    try:
        actions.set_environment(application, by=request.user, values=values)
        messages.success(request, "Saved. The site has the change with its next deployment.")
    except actions.RefusedError as error:
        messages.error(request, str(error))
    return redirect("applications:environment", pk=application.pk)


def _show(
    request: SignedInRequest,
    application: Any,
    *,
    form: VariablesForm | None = None,
    changed: VariableForm | None = None,
) -> HttpResponse:
    bound = (form is not None and form.is_bound) or changed is not None
    context = {
        "overview": read_overview(application),
        "variables": application.environment.only("name", "changed_at").order_by("name"),
        "form": form or VariablesForm(),
        "changed": changed,
    }
    return render(request, "applications/environment.html", context, status=422 if bound else 200)

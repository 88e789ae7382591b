"""Bringing a ``.env`` file in: what it would change is shown first, and saved when that is confirmed."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_POST

from .. import logs
from ..accounts.requests import SignedInRequest, signed_in
from ..encryption import SealError, seal, unseal
from . import variables
from .environment import Kind, compare, looks_secret, merge, read_variables
from .environment_forms import Import, ImportForm
from .environment_views import save, show
from .models import Application, EnvironmentVariable
from .overview import read_overview
from .queries import find_application

#: How long a preview may be looked at.
SECONDS = 3600


@require_POST
@signed_in
def preview(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return show(request, application, imported=form)
    logs.hide(form.cleaned_data["values"].values())
    present = read_variables(application)
    file = Import(
        values=form.cleaned_data["values"],
        named=form.cleaned_data["named"],
        replace=form.cleaned_data["replace"],
        application=str(pk),
        person=request.user.pk,
        seen=_seen(present),
    )
    try:
        variables.check(merge(present, _values(file, present)))
    except variables.VariableError as error:
        form.add_error("file" if form.cleaned_data["file"] else "text", str(error))
        return show(request, application, imported=form)
    guess = form.cleaned_data["guess"]
    plain = {name for name, value in file.values.items() if guess and not looks_secret(name, value)}
    return _show(request, application, file, present, plain=plain)


@require_POST
@signed_in
def confirm(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Save what was shown; where somebody saved meanwhile, show it anew."""
    application = find_application(request.user, pk)
    file = _unsealed(request, application)
    if file is None:
        messages.error(request, "This preview is too old. Import the file again.")
        return redirect("applications:environment", pk=pk)
    present = read_variables(application)
    plain = set(request.POST.getlist("plain"))
    if file.seen != _seen(present):
        messages.warning(request, "Somebody has saved meanwhile: this is what the file would change now.")
        current = Import(**{**vars(file), "seen": _seen(present)})
        return _show(request, application, current, present, plain=plain)
    values = _values(file, present)
    secret = {name: name not in plain for name in file.values if name not in present}
    return save(request, application, values=values, secret=secret)


def _show(
    request: SignedInRequest,
    application: Application,
    file: Import,
    present: dict[str, EnvironmentVariable],
    *,
    plain: set[str],
) -> HttpResponse:
    """The values travel sealed: the page shows those alone that are shown anyway."""
    changes = compare(present, _values(file, present), {})
    context: dict[str, Any] = {
        "overview": read_overview(application),
        "groups": [(kind, [each for each in changes if each.kind == kind]) for kind in Kind],
        "has_changes": any(each.is_change for each in changes),
        "likely": {each.name for each in changes if looks_secret(each.name, file.values.get(each.name, ""))},
        "plain": plain,
        "sealed": seal(file.to_text()),
    }
    return render(request, "applications/import.html", context)


def _unsealed(request: SignedInRequest, application: Application) -> Import | None:
    try:
        file = Import(**json.loads(unseal(request.POST.get("sealed", ""), seconds=SECONDS)))
    except SealError:
        return None
    own = (file.application, file.person) == (str(application.pk), request.user.pk)
    return file if own else None


def _values(file: Import, present: dict[str, EnvironmentVariable]) -> dict[str, str | None]:
    """What is to be set, and removed: a secret that the file speaks of was left out of it on purpose."""
    kept = {*file.values, *file.named}
    removed = {name for name in present if name not in kept} if file.replace else set()
    return {**file.values, **dict.fromkeys(removed)}


def _seen(present: dict[str, EnvironmentVariable]) -> str:
    told = [[name, each.value, each.secret] for name, each in sorted(present.items())]
    return salted_hmac(__name__, json.dumps(told), algorithm="sha256").hexdigest()

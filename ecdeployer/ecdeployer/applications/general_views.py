"""What an application was registered with, to be changed."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from ..accounts.requests import SignedInRequest, signed_in
from ..deployments import access, releases
from ..deployments.actions import RefusedError
from . import editing
from .editing_forms import EditForm, add_moved, read_seen, values_of
from .forms import TAKEN
from .models import Application
from .overview import is_unapplied, read_overview
from .queries import find_application

INVALID = 422
_NEXT = "Saved. The next deployment brings it."
_KEY = (
    "The deploy key stays: add its public half to the repository that is read now, or remove it under "
    "Repository if that is a public one."
)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def general(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    if request.method != "POST":
        return _show(request, application, EditForm(application=application, seen=values_of(application)))
    form = EditForm(request.POST, application=application, seen=read_seen(request.POST, application))
    if form.is_valid() and _save(request, application, form):
        return redirect("applications:general", pk=pk)
    return _show(request, application, form)


def _save(request: SignedInRequest, application: Application, form: EditForm) -> bool:
    try:
        changed = editing.edit(application, by=request.user, changes=form.changes, seen=form.seen)
    except editing.MovedError as error:
        add_moved(form, error.values)
        return False
    except RefusedError as error:
        form.add_error(None, str(error))
        return False
    except IntegrityError:
        form.add_error("name", TAKEN)
        return False
    messages.success(request, _NEXT if editing.AT_NEXT.intersection(changed) else "Saved.")
    if "github_url" in changed and access.has_key(application):
        messages.info(request, _KEY)
    return True


def _show(request: SignedInRequest, application: Application, form: EditForm) -> HttpResponse:
    # What was typed and refused stands in the form alone, and not in the head of the page.
    live = releases.live(application)
    context: dict[str, Any] = {
        "overview": read_overview(application),
        "form": form,
        "unapplied": is_unapplied(application),
        "live_branch": live.branch if live and application.serves else "",
    }
    return render(request, "applications/general.html", context, status=INVALID if form.is_bound else 200)

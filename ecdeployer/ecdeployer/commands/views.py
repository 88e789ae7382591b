"""One-off commands on an application's machine, and what they print."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..applications.overview import read_overview
from ..applications.queries import find_application
from ..deployments.fragments import answer_poll
from . import actions, output
from .forms import ManageForm, SuperuserForm
from .models import Command
from .queries import find_command, listed

PAGE = 20
INVALID = 422
#: Characters of the output that stand on the page; the rest is behind a link.
TAIL = 65_536


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def list_commands(request: SignedInRequest, application: UUID) -> HttpResponse:
    """The forms and the history; posting runs manage.py."""
    found = find_application(request.user, application)
    form = ManageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(
                "commands:detail", actions.manage(found, form.cleaned_data["words"], by=request.user).pk
            )
        except actions.RefusedError as error:
            form.add_error(None, str(error))
    return _show_list(request, found, form=form)


@require_POST
@signed_in
def create_superuser(request: SignedInRequest, application: UUID) -> HttpResponse:
    found = find_application(request.user, application)
    form = SuperuserForm(request.POST)
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("username", "email", "password")}
        try:
            return redirect("commands:detail", actions.create_superuser(found, by=request.user, **given).pk)
        except actions.RefusedError as error:
            form.add_error(None, str(error))
    return _show_list(request, found, superuser=form)


def _show_list(
    request: SignedInRequest,
    application: Any,
    *,
    form: ManageForm | None = None,
    superuser: SuperuserForm | None = None,
) -> HttpResponse:
    bound = superuser is not None or (form is not None and form.is_bound)
    context = {
        "overview": read_overview(application),
        "form": form or ManageForm(),
        "superuser": superuser or SuperuserForm(),
        "page": Paginator(listed(application), PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "commands/list.html", context, status=INVALID if bound else 200)


@require_GET
@signed_in
def show_command(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return render(request, "commands/detail.html", _context(find_command(request.user, pk)))


@require_GET
@signed_in
def poll_command(request: SignedInRequest, pk: UUID) -> HttpResponse:
    command = find_command(request.user, pk)

    def answer() -> tuple[HttpResponse, bool]:
        return render(request, "commands/_live.html", _context(command)), not command.is_final

    return answer_poll(request, etag=_etag(command), answer=answer)


def _context(command: Command) -> dict[str, Any]:
    return {
        "command": command,
        "output": output.tail(command, size=TAIL),
        "is_cut": command.output_length > TAIL,
        "etag": _etag(command),
    }


def _etag(command: Command) -> str:
    return f"{command.pk}-{command.revision}-{command.output_length}"


@require_GET
@signed_in
def show_output(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """From its first byte, as plain text: a browser never reads markup in it."""
    text = output.everything(find_command(request.user, pk))
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@signed_in
def cancel(request: SignedInRequest, pk: UUID) -> HttpResponse:
    command = find_command(request.user, pk)
    try:
        actions.cancel(command, by=request.user)
    except actions.RefusedError as error:
        messages.info(request, str(error))
    return redirect("commands:detail", pk=pk)

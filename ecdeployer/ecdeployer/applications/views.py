"""A developer's applications: the dashboard, a new one, and one application's pages."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ..accounts.bills import read_bills
from ..accounts.requests import SignedInRequest, signed_in
from ..deployments import releases
from ..deployments.fragments import answer_poll
from ..deployments.models import Deployment
from . import actions
from .environment_forms import AnswerForm
from .forms import TAKEN, ApplicationForm, TerminateForm
from .models import Application
from .overview import is_unapplied, read_overview, read_tag
from .queries import count_by_status, dashboard, find_application, rows
from .questions import answer_form
from .states import Status

PAGE = 20
#: A form that could not be accepted comes back with this status.
INVALID = 422


@require_GET
@signed_in
def list_applications(request: SignedInRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip().replace("\0", "")[:200]
    status = request.GET.get("state", "")
    status = status if status in Status.values else ""
    found = dashboard(request.user, search=search, status=status)
    counts = count_by_status(request.user)
    total = sum(counts.values())
    paginator = Paginator(found, PAGE)
    if not search:
        # Counted already: Paginator would ask again.
        paginator.count = counts.get(status, 0) if status else total
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": rows(page.object_list),
        "search": search,
        "status": status,
        "filters": [(value, label, counts[value]) for value, label in Status.choices if value in counts],
        "total": total,
        "bills": read_bills(request.user),
    }
    return render(request, "applications/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_application(request: SignedInRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "applications/new.html", {"form": ApplicationForm(owner=request.user)})
    form = ApplicationForm(request.POST, owner=request.user)
    application = _submitted_before(request) or _create(request, form)
    if application is not None:
        return redirect(application)
    return render(request, "applications/new.html", {"form": form}, status=INVALID)


def _submitted_before(request: SignedInRequest) -> Application | None:
    """What the same page made already: a double click, or a reload after the answer was lost."""
    try:
        submission = UUID(request.POST.get("submission", ""))
    except ValueError:
        return None
    return Application.objects.filter(owner=request.user, submission=submission).first()


def _create(request: SignedInRequest, form: ApplicationForm) -> Application | None:
    if not form.is_valid():
        return None
    try:
        return actions.create_application(
            owner=request.user, by=request.user, trigger=Deployment.Trigger.PAGE, **form.parameters()
        )
    except actions.RefusedError as error:
        form.add_error(None, str(error))
        return None
    except IntegrityError:
        # Another request of the same person was first, between the check and the write.
        earlier = _submitted_before(request)
        if earlier is None:
            form.add_error("name", TAKEN)
        return earlier


@require_GET
@signed_in
def show_application(request: SignedInRequest, pk: UUID) -> HttpResponse:
    return _show(request, pk)


def _show(request: SignedInRequest, pk: UUID, form: AnswerForm | None = None) -> HttpResponse:
    etag = read_tag(request.user, pk)
    overview = read_overview(find_application(request.user, pk))
    context = {
        "overview": overview,
        "etag": etag,
        "answer_form": form or answer_form(overview.deployment),
        "unapplied": is_unapplied(overview.application),
    }
    return render(request, "applications/detail.html", context, status=INVALID if form else 200)


@require_GET
@signed_in
def poll_application(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """The part of the application's page that moves."""
    etag = read_tag(request.user, pk)

    def answer() -> tuple[HttpResponse, bool]:
        overview = read_overview(find_application(request.user, pk))
        context = {
            "overview": overview,
            "etag": etag,
            "answer_form": answer_form(overview.deployment),
            "unapplied": is_unapplied(overview.application),
        }
        return render(request, "applications/_live.html", context), overview.is_moving

    return answer_poll(request, etag=etag, answer=answer)


@require_POST
@signed_in
def deploy(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    _deploy(request, application, again="again" in request.POST)
    return redirect(application)


def _deploy(request: SignedInRequest, application: Any, **asked: Any) -> None:
    try:
        actions.deploy_again(application, by=request.user, trigger=Deployment.Trigger.PAGE, **asked)
    except actions.RefusedError as error:
        messages.error(request, str(error))


@require_POST
@signed_in
def cancel(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    try:
        actions.cancel(application, by=request.user)
    except actions.RefusedError as error:
        messages.info(request, str(error))
    return redirect(application)


@require_POST
@signed_in
def answer(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Save what preflight asked for, and deploy the commit that asked."""
    application = find_application(request.user, pk)
    asking = read_overview(application).deployment
    form = answer_form(asking, request.POST)
    if asking is None or form is None:
        messages.info(request, "Nothing is asked any more: a newer deployment has been started.")
        return redirect(application)
    if not form.is_valid() or not _saved(request, application, form):
        return _show(request, pk, form)
    _deploy(request, application, commit=asking.commit_sha)
    return redirect(application)


def _saved(request: SignedInRequest, application: Any, form: AnswerForm) -> bool:
    """Each answer may be kept; together with the variables that there are they may be too long."""
    try:
        actions.set_environment(application, by=request.user, values=form.values, secret=form.secret)
    except actions.RefusedError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def terminate(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    overview = read_overview(application)
    form = TerminateForm(request.POST or None, application=application)
    if request.method == "POST" and form.is_valid():
        try:
            actions.terminate(application, by=request.user)
            messages.success(request, f"{application.name} is being terminated. Its history stays here.")
        except actions.RefusedError as error:
            messages.error(request, str(error))
        return redirect(application)
    context = {"form": form, "overview": overview}
    return render(request, "applications/terminate.html", context, status=INVALID if form.is_bound else 200)


@require_GET
@signed_in
def list_deployments(request: SignedInRequest, pk: UUID) -> HttpResponse:
    overview = read_overview(find_application(request.user, pk))
    deployments = (
        Deployment.objects.filter(application_id=pk)
        .select_related("application", "created_by", "rolls_back_to")
        .order_by("-number")
    )
    page = Paginator(deployments.defer("facts", "findings", "changes", "plan"), PAGE).get_page(
        request.GET.get("page")
    )
    live = releases.live(overview.application)
    context = {
        "overview": overview,
        "page": page,
        "kept": {each.number for each in releases.kept(overview.application)},
        "serving": (live.rolls_back_to or live).number if live and overview.address else None,
    }
    return render(request, "applications/deployments.html", context)


@require_GET
@signed_in
def list_events(request: SignedInRequest, pk: UUID) -> HttpResponse:
    overview = read_overview(find_application(request.user, pk))
    events = overview.application.events.order_by("-id")
    page = Paginator(events, 50).get_page(request.GET.get("page"))
    return render(request, "applications/events.html", {"overview": overview, "page": page})

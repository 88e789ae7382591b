"""An application's page Alerts: of what its owner is told, and through what."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..applications.models import Application
from ..applications.overview import read_overview
from ..applications.queries import find_application
from . import actions, channels
from .forms import AlertsForm, StatusTokenForm
from .models import AlertSettings, Notification

SHOWN = 20
INVALID = 422
TESTED = (Notification.Channel.EMAIL, Notification.Channel.WEBHOOK)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def show_alerts(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    rules = AlertSettings.of(application.pk)
    form = AlertsForm.of(rules, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        url, remove = given.pop("webhook_url"), given.pop("remove_webhook")
        actions.change(application, by=request.user, webhook_url=url or ("" if remove else None), **given)
        messages.success(request, "Saved.")
        return redirect("alerts:show", pk=pk)
    return _show(request, application, rules, form=form)


@require_POST
@signed_in
def set_token(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Posted with ``remove``, the token that there is goes."""
    application = find_application(request.user, pk)
    form = StatusTokenForm(request.POST)
    if "remove" in request.POST:
        actions.set_status_token(application, "", by=request.user)
        messages.success(request, "The token is forgotten here. Revoke it at GitHub, too.")
        return redirect("alerts:show", pk=pk)
    if form.is_valid():
        try:
            actions.set_status_token(application, form.cleaned_data["status_token"], by=request.user)
        except actions.RefusedError as error:
            form.add_error("status_token", str(error))
        else:
            messages.success(request, "From the next deployment on GitHub is told how it goes.")
            return redirect("alerts:show", pk=pk)
    return _show(request, application, AlertSettings.of(application.pk), token=form)


@require_POST
@signed_in
def test(request: SignedInRequest, pk: UUID, channel: str) -> HttpResponse:
    application = find_application(request.user, pk)
    if channel not in TESTED:
        raise Http404("There is no such channel.")
    try:
        result = actions.test(application, channel, by=request.user)
    except actions.RefusedError as error:
        messages.error(request, str(error))
    else:
        say = messages.success if result.sent else messages.error
        say(request, f"{'It was sent' if result.sent else 'It was not sent'}. {result.said}")
    return redirect("alerts:show", pk=pk)


def _show(
    request: SignedInRequest,
    application: Application,
    rules: AlertSettings,
    *,
    form: AlertsForm | None = None,
    token: StatusTokenForm | None = None,
) -> HttpResponse:
    bound = token is not None or (form is not None and form.is_bound)
    context: dict[str, Any] = {
        "overview": read_overview(application),
        "rules": rules,
        "form": form or AlertsForm.of(rules),
        "token": token or StatusTokenForm(),
        "repository": channels.repository_of(application),
        "sends_email": settings.SENDS_EMAIL,
        "notifications": list(application.notifications.all()[:SHOWN]),
    }
    return render(request, "alerts/show.html", context, status=INVALID if bound else 200)

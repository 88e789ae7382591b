"""Where senders deliver, and an application's page Push to deploy."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from ..accounts.middleware import address_of
from ..accounts.requests import SignedInRequest, signed_in
from ..applications.actions import RefusedError
from ..applications.overview import read_overview
from ..applications.queries import find_application
from . import actions, receiving, refusals
from .models import Delivery
from .payloads import BODY_LIMIT
from .queries import deliveries_of, find_delivery, push_page

PAGE = 20


@csrf_exempt
@require_POST
def receive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """202: it will be deployed. 200: heard, and nothing is to be done. 401: no word about why, or whether."""
    body = _body(request)
    if body is None:
        return _say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {BODY_LIMIT:,} bytes are read.")
    try:
        answer = receiving.receive(pk, request.headers, body, address=address_of(request))
    except receiving.UnauthorizedError:
        return _refuse(pk)
    return HttpResponse(answer.body(), status=answer.status, content_type="application/json")


def _body(request: HttpRequest) -> bytes | None:
    """At most BODY_LIMIT bytes are ever read; None when there are more."""
    body = request.read(BODY_LIMIT + 1)
    return None if len(body) > BODY_LIMIT else body


def _say(status: HTTPStatus, reason: str) -> HttpResponse:
    answer = receiving.Answer(status=status, outcome="refused", reason=reason)
    return HttpResponse(answer.body(), status=status, content_type="application/json")


def _refuse(pk: UUID) -> HttpResponse:
    answer = _say(HTTPStatus.UNAUTHORIZED, "The signature is not good.")
    # Django's own mark: a line of the log for each would let strangers fill that.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    closing = answer.close

    def close() -> None:
        """The server calls it once the answer has gone out."""
        closing()
        refusals.write(pk)

    answer.close = close  # type: ignore[method-assign]
    return answer


@require_GET
@never_cache
@signed_in
def show_push(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """The secret is shown to its owner; operators who look see that there is one."""
    application = find_application(request.user, pk)
    page = Paginator(deliveries_of(application), PAGE).get_page(request.GET.get("page"))
    context = {
        "overview": read_overview(application),
        "push": push_page(application, request.user),
        "page": page,
    }
    return render(request, "webhooks/push.html", context)


@require_POST
@signed_in
def switch(request: SignedInRequest, pk: UUID) -> HttpResponse:
    application = find_application(request.user, pk)
    is_on = request.POST.get("deploy_on_push") == "on"
    if actions.switch(application, by=request.user, is_on=is_on):
        messages.success(request, f"Deploy on push is {'on' if is_on else 'off'}.")
    return redirect("webhooks:push", pk=pk)


@require_POST
@signed_in
def rotate(request: SignedInRequest, pk: UUID) -> HttpResponse:
    actions.rotate_secret(find_application(request.user, pk), by=request.user)
    messages.success(
        request, "There is a new secret. Put it in place of the old one, which is refused from now on."
    )
    return redirect("webhooks:push", pk=pk)


@require_GET
@signed_in
def show_delivery(request: SignedInRequest, pk: UUID, delivery: int) -> HttpResponse:
    application = find_application(request.user, pk)
    context = {"overview": read_overview(application), "delivery": _find(application, delivery)}
    return render(request, "webhooks/delivery.html", context)


@require_POST
@signed_in
def redeliver(request: SignedInRequest, pk: UUID, delivery: int) -> HttpResponse:
    application = find_application(request.user, pk)
    try:
        actions.redeliver(_find(application, delivery), by=request.user)
        messages.success(request, "It is delivered again; its deployment is on its way.")
    except RefusedError as error:
        messages.error(request, str(error))
    return redirect("webhooks:push", pk=pk)


def _find(application: Any, pk: int) -> Delivery:
    delivery = find_delivery(application, pk)
    if delivery is None:
        raise Http404("No delivery of this application has this number.")
    return delivery

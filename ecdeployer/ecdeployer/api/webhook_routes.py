"""Pushes: where they are told to, the secret, and what was delivered."""

from uuid import UUID

from django.http import Http404, HttpResponse
from ninja import Query, Router
from ninja.responses import Response

from ..webhooks import actions
from ..webhooks.models import Webhook
from ..webhooks.queries import deliveries_of, find_delivery, url_of
from . import idempotency
from .application_routes import find
from .authentication import ApiRequest
from .bodies import FURTHEST, Page, Switch
from .cursors import read_deliveries
from .idempotency import once_for_a_key
from .problems import INVALID, NOT_FOUND, REFUSED, TOO_LARGE, UNAUTHORIZED, UNREADABLE, documented
from .records import DeliveryPage, DeliveryRecord, SecretRecord, WebhookRecord, record_delivery

router = Router(tags=["pushes"])
_CHANGES = documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, TOO_LARGE, INVALID)


@router.get(
    "/{uuid:application_id}/webhook", response={200: WebhookRecord, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def show_webhook(request: ApiRequest, application_id: UUID) -> WebhookRecord:
    """Without its secret, which the page shows to the application's owner."""
    return _record(find(request.auth, application_id))


@router.patch("/{uuid:application_id}/webhook", response={200: WebhookRecord, **_CHANGES})
def switch_webhook(request: ApiRequest, application_id: UUID, body: Switch | None = None) -> WebhookRecord:
    """Deploy on push, on or off; without a body it stays as it is."""
    application = find(request.auth, application_id)
    if body is not None:
        actions.switch(application, by=request.auth, is_on=body.deploy_on_push)
    return _record(application)


@router.put(
    "/{uuid:application_id}/webhook/secret",
    response={200: SecretRecord, **documented(UNAUTHORIZED, NOT_FOUND)},
)
def replace_secret(request: ApiRequest, application_id: UUID) -> SecretRecord:
    """Make a new one. It is in this answer alone; what is signed with the old one is refused from now on."""
    application = find(request.auth, application_id)
    return SecretRecord(secret=actions.rotate_secret(application, by=request.auth))


@router.get(
    "/{uuid:application_id}/deliveries",
    response={200: DeliveryPage, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def list_deliveries(request: ApiRequest, application_id: UUID, page: Query[Page]) -> DeliveryPage:
    """The newest first; kept for 30 days, at most 500 of them."""
    shown, following = read_deliveries(deliveries_of(find(request.auth, application_id)), page)
    return DeliveryPage(deliveries=[record_delivery(each) for each in shown], next=following)


@router.post(
    "/{uuid:application_id}/deliveries/{int:delivery_id}/redeliver",
    response={202: DeliveryRecord, **documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def redeliver(request: ApiRequest, application_id: UUID, delivery_id: int) -> HttpResponse:
    """Take it in as if it came now: its commit is deployed, though it be live already."""
    application = find(request.auth, application_id)
    delivery = find_delivery(application, delivery_id) if delivery_id <= FURTHEST else None
    if delivery is None:
        raise Http404("No delivery of this application has this number.")
    anew = actions.redeliver(delivery, by=request.auth)
    return Response(record_delivery(anew).model_dump(), status=202)


def _record(application: object) -> WebhookRecord:
    webhook = Webhook.objects.select_related("application").get(pk=application.pk)  # type: ignore[attr-defined]
    return WebhookRecord(
        url=url_of(application),
        deploy_on_push=webhook.application.deploy_on_push,
        secret_at=webhook.secret_at,
        refused=webhook.refused,
        head=webhook.head,
        asked_at=webhook.asked_at,
        trouble=webhook.trouble,
    )

"""What pages and the API show of pushes, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from ..accounts.models import User
from .models import Delivery, Webhook

#: More than any sequence of a database gives out.
_FURTHEST = 2**63


@dataclass(frozen=True, kw_only=True)
class PushPage:
    """``secret`` is empty for everybody but the application's owner."""

    webhook: Webhook
    url: str
    secret: str
    poll_minutes: int

    @property
    def refusals(self) -> Sequence[Any]:
        """The newest first."""
        return list(reversed(self.webhook.refusals))


def url_of(application: Any) -> str:
    return settings.PORTAL_URL + reverse("hook", args=[application.pk])


def push_page(application: Any, user: User) -> PushPage:
    """One query."""
    webhook = Webhook.objects.get(pk=application.pk)
    return PushPage(
        webhook=webhook,
        url=url_of(application),
        secret=webhook.secret if application.owner_id == user.pk else "",
        poll_minutes=-(-settings.PUSH_POLL_SECONDS // 60),
    )


def deliveries_of(application: Any) -> QuerySet[Delivery]:
    """The newest first, without what they carried."""
    found = Delivery.objects.filter(application=application.pk).select_related("deployment", "asked_by")
    return found.defer(
        "headers",
        "body",
        "deployment__findings",
        "deployment__facts",
        "deployment__changes",
        "deployment__plan",
    ).order_by("-id")


def find_delivery(application: Any, pk: int) -> Delivery | None:
    """With all that it carried."""
    found = Delivery.objects.filter(application=application.pk, pk=min(pk, _FURTHEST - 1))
    return found.select_related("application", "deployment", "asked_by").first()

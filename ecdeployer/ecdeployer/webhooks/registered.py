"""What a request must know of an application to judge a delivery: one query, written out.

Composing it anew took more of a request's time than all the rest: 500 a second are to be taken in.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from .models import Webhook

_QUERY = """
SELECT webhook.application_id, webhook.secret, webhook.repository_id,
       application.github_url, application.branch, application.deploy_on_push,
       EXISTS (
           SELECT 1 FROM webhooks_delivery delivery
           WHERE delivery.application_id = webhook.application_id AND delivery.outcome = 'waiting'
       ) AS is_woken
FROM webhooks_webhook webhook
JOIN applications_application application ON application.id = webhook.application_id
WHERE webhook.application_id = %s
"""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """``is_woken``: another delivery waits, so that a worker is on its way."""

    pk: UUID
    secret: str
    repository_id: str
    github_url: str
    branch: str
    deploy_on_push: bool
    is_woken: bool


def find(pk: UUID) -> Registered | None:
    """One query."""
    key = Webhook._meta.pk.get_db_prep_value(pk, connection)
    found = next(iter(Webhook.objects.raw(_QUERY, [key])), None)
    if found is None:
        return None
    row = vars(found)
    return Registered(
        pk=pk,
        secret=found.secret,
        repository_id=found.repository_id,
        github_url=row["github_url"],
        branch=row["branch"],
        deploy_on_push=bool(row["deploy_on_push"]),
        is_woken=bool(row["is_woken"]),
    )

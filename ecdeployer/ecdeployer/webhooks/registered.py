"""What a request must know of an application to judge a delivery: one query, written out.

Composing it anew took more of a request's time than all the rest: 500 a second are to be taken in.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from .models import Webhook

_QUERY = """
SELECT webhook.secret, webhook.repository_id,
       application.github_url, application.branch, application.deploy_on_push,
       EXISTS (
           SELECT 1 FROM webhooks_delivery delivery
           WHERE delivery.application_id = webhook.application_id AND delivery.outcome = 'waiting'
       ) AS is_woken
FROM webhooks_webhook webhook
JOIN applications_application application ON application.id = webhook.application_id
WHERE webhook.application_id = %s
"""
_field: Any = Webhook._meta.get_field("secret")


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
    """One query. It also tells whether the connection is good: Django need not ask that beforehand."""
    key = Webhook._meta.pk.get_db_prep_value(pk, connection)
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        row = _select(key)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        # The database was away since the last request, and its connections went with it.
        connection.close()
        row = _select(key)
    return row and Registered(
        pk=pk,
        secret=_field.from_db_value(row[0]) or "",
        repository_id=row[1],
        github_url=row[2],
        branch=row[3],
        deploy_on_push=bool(row[4]),
        is_woken=bool(row[5]),
    )


def _select(key: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [key])
        return cursor.fetchone()

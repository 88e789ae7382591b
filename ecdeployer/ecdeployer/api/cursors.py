"""Places in a list that goes on: signed, so that what comes back is what was given out."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet

from .bodies import Page
from .problems import InvalidError

_SALT = "ecdeployer.api.cursors"


def read_newest(records: QuerySet[Any], page: Page) -> tuple[list[Any], str | None]:
    """A page of applications or commands, the newest first, and the cursor of the next."""
    if page.cursor:
        at, pk = _read(page.cursor, datetime.fromisoformat, UUID)
        # Said twice: the first bound is where the index is entered.
        records = records.filter(created_at__lte=at)
        records = records.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    rows = list(records.order_by("-created_at", "-pk")[: page.limit + 1])
    return _cut(rows, page, lambda row: (row.created_at.isoformat(), str(row.pk)))


def read_deployments(deployments: QuerySet[Any], page: Page) -> tuple[list[Any], str | None]:
    """A page of one application's, the newest first, and the cursor of the next."""
    if page.cursor:
        (number,) = _read(page.cursor, int)
        deployments = deployments.filter(number__lt=number)
    rows = list(deployments.order_by("-number")[: page.limit + 1])
    return _cut(rows, page, lambda row: (row.number,))


def read_deliveries(deliveries: QuerySet[Any], page: Page) -> tuple[list[Any], str | None]:
    """A page of one application's, the newest first, and the cursor of the next."""
    if page.cursor:
        (pk,) = _read(page.cursor, int)
        deliveries = deliveries.filter(pk__lt=pk)
    rows = list(deliveries.order_by("-pk")[: page.limit + 1])
    return _cut(rows, page, lambda row: (row.pk,))


def _cut(
    rows: list[Any], page: Page, place: Callable[[Any], Sequence[object]]
) -> tuple[list[Any], str | None]:
    shown = rows[: page.limit]
    return shown, signing.dumps(place(shown[-1]), salt=_SALT) if len(rows) > page.limit else None


def _read(cursor: str, *types: Callable[[Any], Any]) -> list[Any]:
    try:
        parts = signing.loads(cursor, salt=_SALT)
        return [read(part) for read, part in zip(types, parts, strict=True)]
    except (signing.BadSignature, TypeError, ValueError) as error:
        raise InvalidError({"cursor": ["This is not the next of a page of this list."]}) from error

"""Comparing the Elastic IPs that AWS holds for us with their rows: led where they belong, or given back."""

import logging
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from ..aws import addresses, tags
from ..aws.addresses import Elastic
from ..aws.errors import AWSError
from ..wakeups import wake_address
from . import orphans, records
from .addresses import PATIENCE, is_due, note_gone
from .connection import aws
from .models import Address

logger = logging.getLogger(__name__)

GRACE = records.LISTING
FEW, SHARE = orphans.FEW, orphans.SHARE


def compare(held: list[Elastic], *, since: datetime, trust: bool = False) -> int:
    """How many rows were changed and addresses given back. ``held`` was listed before the rows are read.

    ``since``, ``trust``: as for machines; what this database may not end it may not give back. Raises
    AWSError.
    """
    rows = list(Address.objects.filter(gone_at=None).select_related("instance"))
    by_id = {each.allocation_id: each for each in held}
    made = [row for row in rows if row.allocation_id and row.release_asked_at is None]
    astray = [row for row in made if row.allocation_id in by_id and _is_astray(row, by_id)]
    for row in astray:
        Address.objects.filter(pk=row.pk, leads_at=row.leads_at).update(leads_at=None)
        row.leads_at = None
    changed = len(astray) + _note_lost([row for row in made if row.allocation_id not in by_id], len(made))
    for row in made:
        if row.instance is not None and is_due(row, row.instance):
            wake_address(row.instance.pk)
    return changed + _give_back(held, rows, since=since, trust=trust)


def _is_astray(row: Address, by_id: dict[str, Elastic]) -> bool:
    """Whether it leads elsewhere than AWS was asked for, long enough ago for AWS to list it."""
    if row.leads_at is None or row.leads_at > timezone.now() - PATIENCE or row.instance is None:
        return False
    return by_id[row.allocation_id or ""].ec2_id != row.instance.ec2_id


def _note_lost(missing: list[Address], count: int) -> int:
    """Addresses that somebody gave back outside the portal; asked for by their ids before it is believed."""
    old = [row for row in missing if row.asked_at < timezone.now() - GRACE]
    if len(old) > max(FEW, SHARE * count):
        logger.error("EC2 reports none of %s addresses of %s: nothing is done", len(old), count)
        return 0
    if not old:
        return 0
    there = {
        each.allocation_id for each in addresses.find_by_ids(aws(), [str(row.allocation_id) for row in old])
    }
    gone = [row for row in old if row.allocation_id not in there]
    for row in gone:
        logger.warning("address %s was given back outside the portal", row.public_ip)
        note_gone(row)
    return len(gone)


def _give_back(held: list[Elastic], rows: list[Address], *, since: datetime, trust: bool) -> int:
    kept = {str(row.pk): row.allocation_id for row in rows}
    strays = [each for each in held if _is_stray(each, kept)]
    if not strays:
        return 0
    known = _known(strays)
    doubtful = [each for each in strays if not (trust or _is_believed(each, known, since))]
    believed = [each for each in strays if each not in doubtful]
    _tell("addresses are held that this database knows nothing of", doubtful, level=logging.WARNING)
    if len(believed) > max(FEW, SHARE * len(held)) and not trust:
        _tell("addresses have no owner, too many to be believed", believed, level=logging.ERROR)
        return 0
    return sum(_release(each) for each in believed)


def _known(strays: list[Elastic]) -> set[str]:
    """Those of their rows that this database has, or had.

    One that is held, and of whose end the row knows though nobody asked for it, contradicts the row: AWS said
    for a while that it had none.
    """
    ids = {name: each.allocation_id for each in strays if (name := _row_of(each))}
    rows = Address.objects.filter(pk__in=ids)
    lost = rows.filter(release_asked_at=F("gone_at"))  # note_gone's own word
    contradicted = {
        str(pk) for pk, allocation in lost.values_list("pk", "allocation_id") if allocation == ids[str(pk)]
    }
    return {str(pk) for pk in rows.values_list("pk", flat=True)} - contradicted


def _is_believed(elastic: Elastic, known: set[str], since: datetime) -> bool:
    asked_at = tags.asked_at(elastic.tags)
    return _row_of(elastic) in known or (asked_at is not None and asked_at > since)


def _tell(what: str, strays: list[Elastic], *, level: int) -> None:
    orphans.tell(what, [each.public_ip for each in strays], level=level)


def _is_stray(elastic: Elastic, kept: dict[str, str | None]) -> bool:
    """Ours by its tag, of no row, and not just being made; nor is the second one of a row wanted."""
    asked_at = tags.asked_at(elastic.tags)
    # Without that tag it is nobody's to give back.
    if asked_at is None or asked_at > timezone.now() - GRACE:
        return False
    name = _row_of(elastic)
    return name not in kept or kept[name] not in (None, elastic.allocation_id)


def _row_of(elastic: Elastic) -> str:
    return tags.row_of(elastic.tags, tags.ADDRESS)


def _release(elastic: Elastic) -> bool:
    try:
        addresses.release(aws(), elastic.allocation_id)
    except AWSError as error:
        logger.warning("address %s cannot be given back yet: %s", elastic.public_ip, error.operator)
        return False
    logger.error("address %s is given back: no record owns it", elastic.public_ip)
    return True

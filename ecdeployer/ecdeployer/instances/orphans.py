"""Machines of ours that no record owns: found, and ended where the database can be believed.

In Karpenter's order: the cloud was listed before the rows were read, so that a machine whose row was written
meanwhile is never taken for an orphan. https://karpenter.sh/docs/concepts/ (garbage collection)
"""

import logging
import zlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from ..applications.models import Event
from ..aws import ec2, tags
from ..aws.ec2 import Machine
from ..aws.errors import AWSError
from . import records
from .connection import aws
from .models import FleetWatch, Instance
from .states import InstanceState

logger = logging.getLogger(__name__)

GRACE = records.LISTING
#: Longer than build_golden_image waits for its builder.
BUILDER_GRACE = timedelta(hours=3)
#: More than so many at once are an error of ours and not so many orphans: max(5, 10 %) of the fleet.
FEW, SHARE = 5, 0.1
#: A database that nobody swept for so long may be an older one, restored.
GAP = timedelta(minutes=5)
#: Seconds until the operator is told of the same machines again.
_TOLD = 3600


def end_orphans(
    machines: list[Machine], owned: Collection[str], *, since: datetime, trust: bool = False
) -> int:
    """End the live machines that are not ``owned`` (EC2 ids); how many. ``trust``: however many and old.

    ``since``: when this database began to watch, as ``watched_since`` says.

    A machine whose row is known, and is another's or has ended, is an orphan, unless it contradicts the row.
    One whose row the database has never heard of is an orphan only if it was asked for while this database
    watched without a gap: an empty or restored database ends nothing, and the operator is told.
    """
    strangers = [each for each in machines if each.state in ec2.LIVE_STATES and each.ec2_id not in owned]
    old = [each for each in strangers if _is_old(each)]
    if not old:
        return 0
    rows = _rows_of(old)
    doubtful = [each for each in old if not (trust or _is_orphan(each, rows, since))]
    orphans = [each for each in old if each not in doubtful]
    live = sum(each.state in ec2.LIVE_STATES for each in machines)
    if len(orphans) > max(FEW, SHARE * live) and not trust:
        _tell("machines have no owner, too many to be believed: none is ended", orphans, level=logging.ERROR)
        return 0
    _tell("machines run that this database knows nothing of", doubtful, level=logging.WARNING)
    return sum(_end(machine, rows.get(_row_of(machine))) for machine in orphans)


def watched_since() -> datetime:
    """Since when this database has seen every sweep; the sweep of now is noted."""
    now = timezone.now()
    watch, _ = FleetWatch.objects.get_or_create(pk=FleetWatch.ONLY)
    if now - watch.swept_at > GAP:
        watch.since = now
        logger.warning("no sweep was made since %s: machines of that time are not ended", watch.swept_at)
    watch.swept_at = now
    watch.save(update_fields=["since", "swept_at"])
    return watch.since


def _is_old(machine: Machine) -> bool:
    asked_at = _asked_at(machine)
    grace = BUILDER_GRACE if tags.BUILDER in machine.tags else GRACE
    return asked_at is not None and asked_at < timezone.now() - grace


def _asked_at(machine: Machine) -> datetime | None:
    """EC2's own launch time moves with every start of a stopped machine; our tag does not."""
    return tags.asked_at(machine.tags) or machine.launched_at


def _is_orphan(machine: Machine, rows: dict[str, Instance], since: datetime) -> bool:
    if tags.BUILDER in machine.tags:
        return True
    row = rows.get(_row_of(machine))
    if row is not None:
        return not _is_contradicted(row, machine)
    asked_at = _asked_at(machine)
    return asked_at is not None and asked_at > since


def _is_contradicted(row: Instance, machine: Machine) -> bool:
    """What the row says cannot be so: the database is an older one, or AWS said for a while that it had none.

    EC2 does not run a machine again that has ended, and none is launched for a row that nobody took up.
    """
    if row.state == InstanceState.REQUESTED:
        return True
    asked = row.end_asked_at or row.application.terminate_requested_at
    return row.state == InstanceState.TERMINATED and row.ec2_id == machine.ec2_id and not asked


def _rows_of(machines: list[Machine]) -> dict[str, Instance]:
    wanted = [name for name in map(_row_of, machines) if name]
    if not wanted:
        return {}
    known = Instance.objects.filter(pk__in=wanted).select_related("application")
    return {str(row.pk): row for row in known}


def _row_of(machine: Machine) -> str:
    return tags.row_of(machine.tags, tags.INSTANCE)


def _end(machine: Machine, row: Instance | None) -> bool:
    try:
        ec2.terminate(aws(), machine.ec2_id)
    except AWSError as error:
        logger.warning("orphan %s cannot be ended yet: %s", machine.ec2_id, error.operator)
        return False
    logger.error("orphan %s is ended: no record owns it", machine.ec2_id)
    if row is not None:
        detail = f"{machine.ec2_id} was running without a record of its own."
        Event.objects.create(
            application_id=row.application_id, subject="instance", verb="orphan ended", detail=detail
        )
    return True


def _tell(what: str, machines: list[Machine], *, level: int) -> None:
    tell(what, [machine.ec2_id for machine in machines], level=level)


def tell(what: str, names: Iterable[str], *, level: int) -> None:
    """For the operator, once an hour."""
    ids = sorted(names)
    digest = zlib.crc32(" ".join([what, *ids]).encode())
    if ids and cache.add(f"without-row-{digest}", "told", timeout=_TOLD):
        logger.log(level, "%s %s: %s", len(ids), what, ids[:20])

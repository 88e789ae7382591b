"""Comparing every instance with what EC2 reports, in one sweep."""

import logging
from collections import defaultdict

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from ..aws import addresses, ec2, tags
from ..aws.addresses import Elastic
from ..aws.ec2 import Machine
from ..aws.errors import AWSError
from ..wakeups import wake_termination
from . import held_addresses, orphans, records
from .connection import aws
from .models import Instance, LedgerEntry
from .states import InstanceState

logger = logging.getLogger(__name__)

_SETTLED = (InstanceState.REQUESTED, InstanceState.TERMINATED, InstanceState.FAILED)
_NO_MACHINE = _SETTLED[1:]
GRACE = records.LISTING
#: More rows than this without a machine are an error of AWS or of the database, and not so many ends.
FEW, SHARE = orphans.FEW, orphans.SHARE


def sweep(*, trust: bool = False, end_unowned: bool = False) -> int:
    """How many rows were changed and orphans ended. Raises AWSError.

    ``trust``: what EC2 does not report has gone, however much. ``end_unowned``: what this database does not
    own is an orphan, however much.

    ``ceil(N / 1000)`` calls for N machines, one for all addresses, and one more where some are missing; a
    few queries, and writes for what changed alone. Any number of sweeps at once do no harm: every write names
    the state that it was decided on.
    """
    machines = ec2.find_machines(aws(), tag=(tags.PREFIX, settings.RESOURCE_PREFIX))
    held = _held_addresses()
    since = orphans.watched_since()
    rows = list(Instance.objects.exclude(state__in=_SETTLED).select_related("application"))
    found = _matched(rows, machines)
    changed = sum(_bring(row, machine) for row, machine in found.items())
    missing = [row for row in rows if row.ec2_id and row not in found and (trust or not _is_young(row))]
    if len(missing) > max(FEW, SHARE * len(rows)) and not trust:
        logger.error("EC2 reports none of %s instances of %s: nothing is done", len(missing), len(rows))
    elif missing:
        changed += sum(records.is_gone(row) for row in _truly_missing(missing))
    owned = {each.ec2_id for each in found.values()}
    changed += orphans.end_orphans(machines, owned, since=since, trust=end_unowned)
    if held is not None:
        changed += held_addresses.compare(held, since=since, trust=end_unowned)
    _wake_terminations()
    return changed


def _held_addresses() -> list[Elastic] | None:
    """None where AWS does not say: what becomes of the machines does not depend on it."""
    try:
        return addresses.find(aws(), tag=(tags.PREFIX, settings.RESOURCE_PREFIX))
    except AWSError as error:
        logger.warning("addresses are not looked at: %s", error.operator)
        return None


def note_impaired() -> int:
    """Bring the rows to what EC2's status checks say; how many were changed. Raises AWSError.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html
    """
    impaired = ec2.find_impaired(aws())
    fresh = Instance.objects.filter(ec2_id__in=impaired, state=InstanceState.RUNNING, impaired_since=None)
    well = Instance.objects.filter(impaired_since__isnull=False).exclude(
        ec2_id__in=impaired, state=InstanceState.RUNNING
    )
    return sum(
        rows.update(impaired_since=since, revision=F("revision") + 1)
        for rows, since in ((fresh, timezone.now()), (well, None))
    )


def _truly_missing(rows: list[Instance]) -> list[Instance]:
    """Asked for by their ids: a page that lacks a machine is no proof that it has gone."""
    there = {machine.ec2_id for machine in ec2.find_by_ids(aws(), [row.ec2_id or "" for row in rows])}
    return [row for row in rows if row.ec2_id not in there]


def _bring(row: Instance, machine: Machine) -> bool:
    if row.state == InstanceState.LAUNCHING:
        return records.adopt(row, machine)
    return records.update(row, machine)


def _matched(rows: list[Instance], machines: list[Machine]) -> dict[Instance, Machine]:
    """By EC2's id, or by our tag where the id was not noted; a machine that lives before one that ended."""
    ours = [machine for machine in machines if tags.BUILDER not in machine.tags]
    by_id = {machine.ec2_id: machine for machine in ours}
    by_tag: dict[str, list[Machine]] = defaultdict(list)
    for machine in ours:
        by_tag[machine.tags.get(tags.INSTANCE, "")].append(machine)
    found: dict[Instance, Machine] = {}
    for row in rows:
        if row.ec2_id:
            candidates = [by_id[row.ec2_id]] if row.ec2_id in by_id else []
        else:
            candidates = [each for each in by_tag[str(row.pk)] if each.state in ec2.LIVE_STATES]
        if candidates:
            found[row] = candidates[0]
    return found


def _is_young(row: Instance) -> bool:
    """EC2 may not list it yet."""
    return (row.launched_at or row.created_at) > timezone.now() - GRACE


def _wake_terminations() -> None:
    """Ends that were asked for and whose message was lost; launches whose deployment has ended; what is left.

    What an instance left behind is asked about until AWS says that it is gone.
    """
    asked = Q(application__terminate_requested_at__isnull=False) | Q(end_asked_at__isnull=False)
    abandoned = Q(state=InstanceState.LAUNCHING) & ~Q(deployments__state__in=records.UNFINISHED)
    left = Q(state__in=_NO_MACHINE, pk__in=LedgerEntry.objects.filter(gone_at=None).values("instance"))
    waiting = Instance.objects.filter((asked & ~Q(state__in=_NO_MACHINE)) | abandoned | left)
    for pk in list(waiting.values_list("pk", flat=True).distinct()[:100]):
        wake_termination(pk)

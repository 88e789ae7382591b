"""An application's Elastic IP: asked for once, led to its machine, released when no machine is left."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from ..applications.models import Application, Event
from ..aws import addresses, tags
from ..aws.addresses import Elastic
from ..aws.errors import AWSError
from .connection import aws
from .models import Address, Instance, LedgerEntry, Usage
from .states import InstanceState

logger = logging.getLogger(__name__)

_NO_MACHINE = (InstanceState.TERMINATED, InstanceState.FAILED)
_LEADABLE = (InstanceState.RUNNING, InstanceState.STOPPED)
_RUNS = (InstanceState.PENDING, InstanceState.RUNNING)
#: AWS is not asked again sooner for what it has refused.
PATIENCE = timedelta(seconds=60)


def ensure(instance: Instance) -> None:
    """Have an address for the instance's application, led to this one where it leads to no other.

    Any number of times; a worker that is killed anywhere leaves a row by whose tag the next one finds what
    was made. Where AWS gives none the row says why, and the ordinary address serves. Raises AWSError for
    what goes away by itself.
    """
    row = _row_for(instance)
    if row is None or row.allocation_id or _is_refused(row):
        return
    Address.objects.filter(pk=row.pk).update(asked_at=timezone.now())
    try:
        _keep(row, _find(row) or _allocate(row))
    except AWSError as error:
        if error.retryable and error.kind != "limit":
            raise
        _refuse(row, error)


def _row_for(instance: Instance) -> Address | None:
    """The application's, in step with its machines; None for one that ended while this was on its way."""
    kept = Address.objects.select_related("instance")
    with Application.kept(instance.application_id):
        row = kept.filter(application_id=instance.application_id, release_asked_at=None).first()
        if row is None and Address.objects.filter(instance=instance).exists():
            return None
        LedgerEntry.expect(instance, LedgerEntry.Kind.ADDRESS)
        if row is None:
            return Address.objects.create(application_id=instance.application_id, instance=instance)
        if row.instance is None or row.instance.state in _NO_MACHINE:
            row.instance, row.leads_at = instance, None
            row.save(update_fields=["instance", "leads_at"])
    return row


def _find(row: Address) -> Elastic | None:
    found = addresses.find(aws(), tag=(tags.ADDRESS, str(row.pk)))
    return min(found, key=lambda each: each.allocation_id) if found else None


def _allocate(row: Address) -> Elastic:
    tag = tags.address_tags(
        prefix=settings.RESOURCE_PREFIX,
        application=str(row.application_id),
        address=str(row.pk),
        asked_at=timezone.now(),
        name=row.application.name,
    )
    return addresses.allocate(aws(), tag=tag)


def _keep(row: Address, elastic: Elastic) -> None:
    with transaction.atomic():
        kept = Address.objects.filter(pk=row.pk, allocation_id=None)
        kept.update(allocation_id=elastic.allocation_id, public_ip=elastic.public_ip, refused="")
        if row.instance is not None:
            Usage.begin(row.instance, Usage.Kind.ADDRESS)


def _refuse(row: Address, error: AWSError) -> None:
    """Not tried again at once; the site goes on at the address that its machine has."""
    logger.warning("address of %s: %s", row.application_id, error.operator)
    Address.objects.filter(pk=row.pk).update(refused=error.person, asked_at=timezone.now())


def point(instance: Instance) -> bool:
    """Let the address that is the instance's lead to it; whether nothing is left to do.

    Any number of times. A machine has to run, or to be stopped: until then it is not AWS's to do. Raises
    AWSError for what goes away by itself.
    """
    row = Address.objects.filter(instance=instance, gone_at=None).exclude(allocation_id=None).first()
    if row is None or row.leads or _is_refused(row):
        return True
    if not is_due(row, instance):
        return False
    try:
        addresses.associate(aws(), row.allocation_id or "", instance.ec2_id or "")
    except AWSError as error:
        if error.retryable:
            raise
        _refuse(row, error)
        return True
    _note_lead(row, instance)
    return True


def is_due(row: Address, instance: Instance) -> bool:
    """Whether AWS may be asked now to let it lead to its machine."""
    waits = row.leads or row.release_asked_at or not row.allocation_id or _is_refused(row)
    return not waits and instance.state in _LEADABLE


def _is_refused(row: Address) -> bool:
    """Not long ago."""
    return bool(row.refused) and row.asked_at > timezone.now() - PATIENCE


def _note_lead(row: Address, instance: Instance) -> None:
    """Once, of those who led it at the same time; one that is to lead elsewhere by now is led anew."""
    with transaction.atomic():
        rows = Address.objects.filter(pk=row.pk, instance=instance, leads_at=None)
        if rows.update(leads_at=timezone.now(), refused=""):
            Instance.objects.filter(pk=instance.pk).update(
                public_ip=row.public_ip, revision=F("revision") + 1
            )
            instance.public_ip = row.public_ip
            Event.objects.create(
                application_id=row.application_id,
                subject="address",
                verb="leads to the machine",
                detail=f"{row.public_ip}: {instance.ec2_id}",
            )


def move(application: Application, *, to: Instance) -> bool:
    """From now on it is to lead to another machine, and ``point`` does it; whether that is a change."""
    rows = Address.objects.filter(application=application, release_asked_at=None).exclude(instance=to)
    return bool(rows.update(instance=to, leads_at=None, refused=""))


def known_of(application: Application) -> list[str]:
    """The addresses that the site of an application has to know as its own, beside its machine's."""
    rows = Address.objects.filter(application=application, release_asked_at=None)
    return [address for address in rows.values_list("public_ip", flat=True) if address]


def release(instance: Instance) -> bool:
    """One step towards the end of the address of a machine that has ended; whether nothing is left.

    Where the application has another machine, the address is that one's. Raises AWSError.
    """
    rows = Address.objects.filter(application=instance.application_id, gone_at=None)
    with Application.kept(instance.application_id):
        living = Instance.objects.filter(application=instance.application_id)
        if not living.exclude(state__in=_NO_MACHINE).exists():
            rows.filter(release_asked_at=None).update(release_asked_at=timezone.now())
    for row in rows.exclude(release_asked_at=None).select_related("instance"):
        held = addresses.find(aws(), tag=(tags.ADDRESS, str(row.pk)))
        if not held:
            note_gone(row)
        for elastic in held:
            _release(elastic)
    return not rows.filter(~Q(release_asked_at=None) | Q(instance=instance)).exists()


def _release(elastic: Elastic) -> None:
    try:
        addresses.release(aws(), elastic.allocation_id)
    except AWSError as error:
        if error.kind != "not-found":
            raise


def note_gone(row: Address) -> None:
    """AWS does not have it any more."""
    now = timezone.now()
    with transaction.atomic():
        asked = F("release_asked_at") if row.release_asked_at else now
        held = Address.objects.filter(pk=row.pk, gone_at=None)
        if held.update(gone_at=now, release_asked_at=asked, instance=None, leads_at=None):
            usage = Usage.objects.filter(kind=Usage.Kind.ADDRESS, until=None, instance=row.instance)
            if row.instance is not None and row.instance.state not in _RUNS:
                usage.update(until=now)

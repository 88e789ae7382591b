"""What was made at AWS for each instance, and whether AWS says by now that it is gone."""

from collections.abc import Iterable

from django.db.models import F
from django.utils import timezone

from ..aws import ec2, tags
from . import addresses, deploy_keys, environment
from .connection import aws
from .models import Instance, LedgerEntry
from .states import InstanceState

Kind = LedgerEntry.Kind
_NO_MACHINE = (InstanceState.TERMINATED, InstanceState.FAILED)


def verify(instance: Instance) -> bool:
    """Ask AWS for each thing that an ended instance left; whether nothing is left. Raises AWSError.

    Parameters that are still there are deleted, and asked for again the next time. Those that a later
    instance of the application reads are that one's.
    """
    open_kinds = set(
        LedgerEntry.objects.filter(instance=instance, gone_at=None).values_list("kind", flat=True)
    )
    gone = {kind for kind in open_kinds if _is_gone(instance, Kind(kind))}
    _strike_out(instance, gone)
    return gone == open_kinds


def _is_gone(instance: Instance, kind: Kind) -> bool:
    tag = (tags.INSTANCE, str(instance.pk))
    if kind == Kind.INSTANCE:
        return not any(machine.state in ec2.HELD_STATES for machine in ec2.find_machines(aws(), tag=tag))
    if kind == Kind.VOLUME:
        return not ec2.find_volumes(aws(), tag=tag)
    if kind == Kind.ADDRESS:
        return addresses.release(instance)
    if kind == Kind.DEPLOY_KEY:
        # Written when the application ends: until then the key waits for whatever instance is next.
        return not deploy_keys.delete(instance.application)
    others = Instance.objects.filter(application=instance.application_id).exclude(pk=instance.pk)
    return others.exclude(state__in=_NO_MACHINE).exists() or not environment.delete(instance.application)


def _strike_out(instance: Instance, kinds: Iterable[str]) -> None:
    entries = LedgerEntry.objects.filter(instance=instance, kind__in=kinds, gone_at=None)
    if entries.update(gone_at=timezone.now()):
        Instance.objects.filter(pk=instance.pk).update(revision=F("revision") + 1)

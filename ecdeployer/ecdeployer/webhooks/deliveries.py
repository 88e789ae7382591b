"""What a worker does with pushes that wait: the newest of an application is deployed, once for all."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from ..applications import actions
from ..applications.models import Application
from ..deployments.models import Deployment
from .models import Delivery, Webhook

Outcome = Delivery.Outcome
KEPT, KEPT_DAYS = 500, 30
#: Pushes that come within so long of a deployment wait for the next one: many become one.
PAUSE = timedelta(seconds=1)
_SUPERSEDED = "A newer push came before it was its turn."
_REPLACED = "Another delivery was asked for before it was its turn."


def waiting() -> list[UUID]:
    """Applications whose pushes a worker has to look at: what a lost message left undone."""
    rows = Delivery.objects.filter(outcome=Outcome.WAITING).order_by()
    return list(rows.values_list("application_id", flat=True).distinct())


def settle(pk: UUID) -> timedelta | None:
    """Deploy the newest push of an application. When to look again; None where nothing waits.

    Requests that were under way have seen that others wait, and woken nobody: so one look follows each.
    """
    with transaction.atomic():
        application = Application.objects.select_for_update().filter(pk=pk).first()
        pushes = list(Delivery.objects.filter(application=pk, outcome=Outcome.WAITING).order_by("id"))
        if application is None or not pushes:
            return None
        webhook, now = Webhook.objects.get(pk=pk), timezone.now()
        if webhook.settled_at and now - webhook.settled_at < PAUSE:
            return PAUSE - (now - webhook.settled_at)
        newest = max(pushes, key=_age)
        older = [push.pk for push in pushes if push is not newest]
        reason = _REPLACED if newest.asked_by_id else _SUPERSEDED
        Delivery.objects.filter(pk__in=older).update(outcome=Outcome.SUPERSEDED, reason=reason)
        _settle(application, newest)
        changes: dict[str, object] = {}
        if newest.outcome == Outcome.DEPLOYED and newest.asked_by_id is None:
            # What a person asks for anew is no head: the one that was seen stays seen.
            changes = {"head": newest.commit, "head_at": now}
        Webhook.objects.filter(pk=pk).update(settled_at=now, **changes)
    return PAUSE


def _age(push: Delivery) -> tuple[float, int]:
    """The time of the push, since senders keep no order; of one that a person asked for, when that was."""
    return (push.pushed_at or push.received_at).timestamp(), push.pk


def _settle(application: Application, push: Delivery) -> None:
    if _was_overtaken(push):
        push.outcome, push.reason = Outcome.SUPERSEDED, "A newer push was deployed before it arrived."
    else:
        _deploy(application, push)
    push.save(update_fields=["outcome", "reason", "deployment"])


def _was_overtaken(push: Delivery) -> bool:
    if push.pushed_at is None or push.asked_by_id is not None:
        return False
    pushed = Delivery.objects.filter(application=push.application_id, asked_by=None)
    deployed = pushed.filter(outcome=Outcome.DEPLOYED)
    return deployed.filter(pushed_at__gt=push.pushed_at, ref=push.ref).exists()


def _deploy(application: Application, push: Delivery) -> None:
    asked = push.asked_by_id is not None
    try:
        push.deployment = (None if asked else _same(push)) or actions.deploy_again(
            application,
            by=push.asked_by,
            trigger=Deployment.Trigger.WEBHOOK,
            commit=push.commit,
            again=asked,
            pushed_by=push.pusher,
        )
        push.outcome = Outcome.DEPLOYED
    except actions.RefusedError as error:
        push.outcome, push.reason = Outcome.REFUSED, str(error)


def _same(push: Delivery) -> Deployment | None:
    """The newest deployment where it brings, or is about to bring, that very commit: it is pushed once."""
    newest = Deployment.objects.filter(application=push.application_id).order_by("-number").first()
    unfinished = newest is not None and not newest.is_final
    return newest if newest and unfinished and newest.commit_sha == push.commit else None


def prune() -> int:
    """Delete what is older than thirty days, and of each application all but the newest. How many went."""
    settled = Delivery.objects.exclude(outcome=Outcome.WAITING)
    gone, _ = settled.filter(received_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    many = settled.order_by().values("application").annotate(number=Count("pk")).filter(number__gt=KEPT)
    for pk in many.values_list("application", flat=True):
        ids = settled.filter(application=pk).order_by("-id").values_list("id", flat=True)
        gone += settled.filter(Q(application=pk) & Q(id__lte=ids[KEPT])).delete()[0]
    return gone

"""How many machines a person and the whole portal may have, and what they may cost a month."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, FilteredRelation, Q, QuerySet

from ..instances import prices
from ..instances.models import Instance, LaunchQueue
from ..instances.states import InstanceState
from .models import User

_NO_MACHINE = (InstanceState.FAILED, InstanceState.TERMINATED)
_ASK = "Terminate what is no longer needed, or ask the operator of this portal for more."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Machines, and US dollars a month for them with disk and address; None where there is no limit.

    A machine counts from the moment in which it is asked for until it has gone, stopped ones too, as if it
    ran: it may be started again. A type
    whose price nobody knows counts as nothing.
    """

    machines: int | None
    used_machines: int
    monthly_usd: Decimal | None
    used_monthly_usd: Decimal


def of(owner: User) -> Limits:
    """What a person may have and has: one query."""
    own = owner.machine_limit if owner.machine_limit is not None else settings.MACHINES_PER_OWNER
    usd = owner.monthly_usd_limit if owner.monthly_usd_limit is not None else settings.MONTHLY_USD_PER_OWNER
    return _limits(Instance.objects.filter(application__owner=owner), machines=own, monthly_usd=usd)


def of_portal() -> Limits:
    """What all together may have and have: one query."""
    return _limits(Instance.objects.all(), machines=settings.MACHINES, monthly_usd=settings.MONTHLY_USD)


def refusal(owner: User, instance_type: str) -> str:
    """Why one more machine is not to be had, for the person; empty where it is.

    The caller's transaction holds the lock until the machine is written: two requests at once are counted
    one after the other.
    """
    LaunchQueue.lock()
    return _beyond(of(owner), instance_type, who="You have") or _beyond(
        of_portal(), instance_type, who="This portal has"
    )


def refusal_to_resize(owner: User, from_type: str, to_type: str) -> str:
    """Why a machine may not become one of another type, for the person; empty where it may."""
    LaunchQueue.lock()
    more = _price(to_type) - _price(from_type)
    if more <= 0:
        return ""
    return _too_dear(of(owner), more, who="You have") or _too_dear(of_portal(), more, who="This portal has")


def _price(instance_type: str) -> Decimal:
    """A month of it; a type whose price nobody knows counts as nothing."""
    return prices.monthly(instance_type, region=settings.AWS_REGION) or Decimal(0)


def _beyond(limits: Limits, instance_type: str, *, who: str) -> str:
    if limits.machines is not None and limits.used_machines >= limits.machines:
        return f"{who} {limits.used_machines} of {limits.machines} machines. {_ASK}"
    return _too_dear(limits, _price(instance_type), who=who)


def _too_dear(limits: Limits, price: Decimal, *, who: str) -> str:
    wanted = limits.used_monthly_usd + price
    if limits.monthly_usd is not None and wanted > limits.monthly_usd:
        return (
            f"{who} machines for ${limits.used_monthly_usd} a month; with this one it is ${wanted}, and the "
            f"limit is ${limits.monthly_usd}. Choose a smaller instance type. {_ASK}"
        )
    return ""


def _limits(instances: QuerySet[Instance], *, machines: int | None, monthly_usd: Decimal | None) -> Limits:
    """A machine that is being resized counts as the dearer of both types."""
    resized = FilteredRelation("changes", condition=Q(changes__state="running", changes__kind="resize"))
    rows = instances.exclude(state__in=_NO_MACHINE).annotate(resized=resized).order_by()
    counts = list(rows.values_list("instance_type", "resized__to_type").annotate(count=Count("pk")))
    costs = (count * max(_price(own), _price(next_ or own)) for own, next_, count in counts)
    return Limits(
        machines=machines,
        used_machines=sum(count for _, _, count in counts),
        monthly_usd=monthly_usd,
        used_monthly_usd=sum(costs, Decimal(0)),
    )

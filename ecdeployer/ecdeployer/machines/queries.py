"""What the page of a machine shows, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.conf import settings

from ..applications.models import Application
from ..applications.overview import Overview, read_overview
from ..instances import prices
from ..instances.models import GoldenImage, Instance
from ..instances.states import InstanceState
from .models import Change
from .states import UNFINISHED

SHOWN = 5
_AT_REST = {InstanceState.RUNNING, InstanceState.STOPPED, InstanceState.TERMINATED, InstanceState.FAILED}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine, what was changed of late, and the images that it and the next one are made from."""

    overview: Overview
    instance: Instance | None
    changes: Sequence[Change]
    images: Sequence[GoldenImage]

    @property
    def change(self) -> Change | None:
        """What is under way."""
        return next((each for each in self.changes if each.state in UNFINISHED), None)

    @property
    def exists(self) -> bool:
        return self.instance is not None and self.instance.exists and not self.instance.end_asked_at

    @property
    def is_moving(self) -> bool:
        state = self.instance.state if self.instance else InstanceState.FAILED
        return self.change is not None or self.overview.is_moving or state not in _AT_REST

    @property
    def is_busy(self) -> bool:
        """Nothing can be asked of it now."""
        return self.change is not None or self.overview.can_cancel

    @property
    def is_stopped(self) -> bool:
        return self.instance is not None and self.instance.state == InstanceState.STOPPED

    @property
    def runs(self) -> bool:
        return self.instance is not None and self.instance.state == InstanceState.RUNNING

    @property
    def image(self) -> GoldenImage | None:
        """The one in use, where the portal made it and still knows it."""
        ami_id = self.instance.ami_id if self.instance else ""
        return next((each for each in self.images if each.ami_id == ami_id), None)

    @property
    def newer_image(self) -> GoldenImage | None:
        newest = self.images[0] if self.images else None
        return newest if newest and self.instance and newest.ami_id != self.instance.ami_id else None

    @property
    def monthly(self) -> Decimal | None:
        """While it runs, with its disk and address."""
        return price(self.instance.instance_type) if self.instance else None

    @cached_property
    def stopped_monthly(self) -> Decimal | None:
        """What goes on to cost while it is stopped: its disk, and an address that stays."""
        disk = prices.disk(region=settings.AWS_REGION)
        if disk is None:
            return None
        kept = disk + (prices.address() if self.keeps_address else 0)
        return (kept * prices.HOURS_A_MONTH).quantize(Decimal("0.01"))

    @property
    def keeps_address(self) -> bool:
        return self.instance is not None and self.instance.has_elastic

    @property
    def tag(self) -> str:
        """Changes with everything that moves on the page."""
        change = self.changes[0] if self.changes else None
        moved = (f"{change.pk}-{change.revision}" if change else "", self.overview.application.revision)
        return "-".join(map(str, (*moved, self.instance.revision if self.instance else "")))


def price(instance_type: str) -> Decimal | None:
    """A month of a machine of this type with its disk and address."""
    return prices.monthly(instance_type, region=settings.AWS_REGION)


def read_machine(application: Application) -> Machine:
    return Machine(
        overview=read_overview(application),
        instance=Instance.machine_of(application),
        changes=list(application.changes.select_related("created_by")[:SHOWN]),
        images=list(GoldenImage.objects.all()[:20]),
    )


def types_for(instance: Instance) -> list[dict[str, Any]]:
    """The types that it may have, with what a month of each costs, and by how much that is more."""
    now = price(instance.instance_type)
    return [
        {"name": name, "monthly": price(name), "is_own": name == instance.instance_type}
        | _difference(price(name), now)
        for name in settings.INSTANCE_TYPES
    ]


def _difference(then: Decimal | None, now: Decimal | None) -> dict[str, Decimal]:
    if then is None or now is None:
        return {}
    return {"more": then - now} if then > now else {"less": now - then}

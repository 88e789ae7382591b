"""What a person may have, has, and has spent."""

from decimal import Decimal

from django.conf import settings
from ninja import Router

from ..accounts.bills import Bill, read_bills
from ..instances import prices
from .authentication import ApiRequest
from .problems import UNAUTHORIZED, documented
from .records import (
    InstanceTypeRecord,
    LimitsRecord,
    MachineLimit,
    MoneyLimit,
    PortalRecord,
    SpendingRecord,
)

router = Router(tags=["limits"])


@router.get("", response={200: LimitsRecord, **documented(UNAUTHORIZED)})
def show_limits(request: ApiRequest) -> LimitsRecord:
    """Machines and money, what was spent, and the instance types that there are."""
    own, *whole = map(_record, read_bills(request.auth))
    return LimitsRecord(
        **dict(own),
        portal=whole[0] if whole else None,
        instance_types=[_describe(name) for name in settings.INSTANCE_TYPES],
    )


def _record(bill: Bill) -> PortalRecord:
    limits, spent = bill.limits, bill.spending
    return PortalRecord(
        machines=MachineLimit(limit=limits.machines, used=limits.used_machines),
        monthly_usd=MoneyLimit(limit=limits.monthly_usd, used=limits.used_monthly_usd),
        spending=SpendingRecord(
            monthly_usd=spent.monthly,
            this_month_usd=spent.this_month,
            in_all_usd=spent.in_all,
            unknown_types=list(spent.unknown),
        ),
    )


def _describe(name: str) -> InstanceTypeRecord:
    region = settings.AWS_REGION
    hourly, monthly = prices.hourly(name, region=region), prices.monthly(name, region=region)
    return InstanceTypeRecord(
        name=name, hourly_usd=hourly and hourly.quantize(Decimal("0.0001")), monthly_usd=monthly
    )

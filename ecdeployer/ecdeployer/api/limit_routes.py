"""What a person may have, and has."""

from django.conf import settings
from ninja import Router

from ..accounts import limits
from ..instances import prices
from .authentication import ApiRequest
from .problems import UNAUTHORIZED, documented
from .records import InstanceTypeRecord, LimitsRecord, MachineLimit, MoneyLimit

router = Router(tags=["limits"])


@router.get("", response={200: LimitsRecord, **documented(UNAUTHORIZED)})
def show_limits(request: ApiRequest) -> LimitsRecord:
    """Machines and money, and the instance types that there are."""
    own = limits.of(request.auth)
    return LimitsRecord(
        machines=MachineLimit(limit=own.machines, used=own.used_machines),
        monthly_usd=MoneyLimit(limit=own.monthly_usd, used=own.used_monthly_usd),
        instance_types=[_describe(name) for name in settings.INSTANCE_TYPES],
    )


def _describe(name: str) -> InstanceTypeRecord:
    region = settings.AWS_REGION
    hourly, monthly = prices.hourly(name, region=region), prices.monthly(name, region=region)
    return InstanceTypeRecord(name=name, hourly_usd=hourly, monthly_usd=monthly)

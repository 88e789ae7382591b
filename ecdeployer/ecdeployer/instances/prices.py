"""What an instance type costs.

US dollars an hour, Linux, on demand, shared tenancy, from https://aws.amazon.com/ec2/pricing/on-demand/ as
listed on ``LISTED``. The disk, the public address and traffic come on top.
"""

import datetime as dt
from decimal import Decimal

LISTED = dt.date(2025, 6, 1)
#: AWS's own convention for a month.
HOURS_A_MONTH = 730

_REGIONS = ("us-east-1", "eu-west-1")
_PRICES = {
    "t2.micro": ("0.0116", "0.0126"),
    "t2.small": ("0.023", "0.025"),
    "t2.medium": ("0.0464", "0.05"),
    "t2.large": ("0.0928", "0.1008"),
    "t3.nano": ("0.0052", "0.0057"),
    "t3.micro": ("0.0104", "0.0114"),
    "t3.small": ("0.0208", "0.0228"),
    "t3.medium": ("0.0416", "0.0456"),
    "t3.large": ("0.0832", "0.0912"),
    "t3.xlarge": ("0.1664", "0.1824"),
    "t3.2xlarge": ("0.3328", "0.3648"),
    "t3a.nano": ("0.0047", "0.0051"),
    "t3a.micro": ("0.0094", "0.0102"),
    "t3a.small": ("0.0188", "0.0204"),
    "t3a.medium": ("0.0376", "0.0408"),
    "t3a.large": ("0.0752", "0.0816"),
    "t3a.xlarge": ("0.1504", "0.1632"),
    "m5.large": ("0.096", "0.107"),
    "m5.xlarge": ("0.192", "0.214"),
    "m6i.large": ("0.096", "0.107"),
    "m6i.xlarge": ("0.192", "0.214"),
    "c5.large": ("0.085", "0.096"),
    "c5.xlarge": ("0.17", "0.192"),
}


def hourly(instance_type: str, *, region: str) -> Decimal | None:
    """US dollars an hour; None when the table does not know the type in that region."""
    if region not in _REGIONS or instance_type not in _PRICES:
        return None
    return Decimal(_PRICES[instance_type][_REGIONS.index(region)])


def monthly(instance_type: str, *, region: str) -> Decimal | None:
    price = hourly(instance_type, region=region)
    return None if price is None else (price * HOURS_A_MONTH).quantize(Decimal("0.01"))


def describe(instance_type: str, *, region: str) -> str:
    """For a list of choices: ``t3.micro: $0.0114 an hour, about $8.32 a month``."""
    price, month = hourly(instance_type, region=region), monthly(instance_type, region=region)
    if price is None:
        return f"{instance_type}: price unknown"
    return f"{instance_type}: ${price} an hour, about ${month} a month"


def cost(instance_type: str, *, region: str, since: dt.datetime | None, until: dt.datetime) -> Decimal | None:
    """US dollars from launch to end; None before the launch, and where the price is unknown."""
    price = hourly(instance_type, region=region)
    if price is None or since is None:
        return None
    hours = Decimal(max((until - since).total_seconds(), 0)) / 3600
    return (price * hours).quantize(Decimal("0.0001"))

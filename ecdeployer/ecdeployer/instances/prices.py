"""What an instance costs: its machine by type, its disk, its public address.

US dollars, on demand, as listed on ``LISTED``: Linux and shared tenancy from
https://aws.amazon.com/ec2/pricing/on-demand/, gp3 from https://aws.amazon.com/ebs/pricing/, public IPv4 from
https://aws.amazon.com/vpc/pricing/. Traffic comes on top.
"""

import datetime as dt
from decimal import Decimal

LISTED = dt.date(2025, 6, 1)
#: AWS's own convention for a month.
HOURS_A_MONTH = 730
#: GiB of the encrypted gp3 root volume: the image takes about 4, the rest is the site's.
VOLUME_SIZE = 16

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


#: One GiB for a month.
_GP3 = ("0.08", "0.088")
_ADDRESS = Decimal("0.005")
_CENT = Decimal("0.01")


def machine(instance_type: str, *, region: str) -> Decimal | None:
    """An hour of a machine that runs; None when the type is not known there."""
    if region not in _REGIONS or instance_type not in _PRICES:
        return None
    return Decimal(_PRICES[instance_type][_REGIONS.index(region)])


def address() -> Decimal:
    """An hour of a public address, the same everywhere, whether a machine that runs uses it or not."""
    return _ADDRESS


def disk(*, region: str) -> Decimal | None:
    """An hour of the disk, which costs until the machine is terminated, stopped or not."""
    if region not in _REGIONS:
        return None
    return Decimal(_GP3[_REGIONS.index(region)]) * VOLUME_SIZE / HOURS_A_MONTH


def hourly(instance_type: str, *, region: str) -> Decimal | None:
    """An hour of everything; None when a part of it is not known."""
    running, kept = machine(instance_type, region=region), disk(region=region)
    return None if running is None or kept is None else running + kept + _ADDRESS


def monthly(instance_type: str, *, region: str) -> Decimal | None:
    price = hourly(instance_type, region=region)
    return None if price is None else (price * HOURS_A_MONTH).quantize(_CENT)


def describe(instance_type: str, *, region: str) -> str:
    """For a list of choices: ``t3.micro: $0.0183 an hour, about $13.38 a month``."""
    price, month = hourly(instance_type, region=region), monthly(instance_type, region=region)
    if price is None:
        return f"{instance_type}: price unknown"
    return f"{instance_type}: ${price:.4f} an hour, about ${month} a month"

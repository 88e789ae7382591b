"""What the portal's own account costs a month, sites apart: an estimate, from list prices without tax.

US dollars, on demand, Linux and PostgreSQL, as listed on ``LISTED`` on https://aws.amazon.com/ec2/pricing/on-demand/,
https://aws.amazon.com/rds/postgresql/pricing/, https://aws.amazon.com/elasticache/pricing/,
https://aws.amazon.com/elasticloadbalancing/pricing/, https://aws.amazon.com/vpc/pricing/ and
https://aws.amazon.com/cloudwatch/pricing/. What depends on use (traffic, logs, builds) comes on top.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from .parameters import Parameters
from .templates import Templates

LISTED = dt.date(2025, 6, 1)
#: AWS's own convention for a month.
HOURS = 730
#: GiB of a portal machine's disk; the templates say the same.
DISK = 16
_REGIONS = ("us-east-1", "eu-west-1")
#: Where it is priced for who is in another region.
_INSTEAD = "eu-west-1"
#: Empty where the price is not known.
_MACHINES = {
    "t3.micro": ("0.0104", "0.0114"),
    "t3.small": ("0.0208", "0.0228"),
    "t3.medium": ("0.0416", "0.0456"),
    "t3.large": ("0.0832", "0.0912"),
    "t3.xlarge": ("0.1664", "0.1824"),
    "t3a.small": ("0.0188", "0.0204"),
    "t3a.medium": ("0.0376", "0.0408"),
    "t3a.large": ("0.0752", "0.0816"),
    "m5.large": ("0.096", "0.107"),
    "m6i.large": ("0.096", "0.107"),
}
_DATABASES = {
    "db.t4g.micro": ("0.016", "0.017"),
    "db.t4g.small": ("0.032", "0.035"),
    "db.t4g.medium": ("0.065", ""),
    "db.t4g.large": ("0.129", ""),
}
_REDIS = {
    "cache.t4g.micro": ("0.016", "0.017"),
    "cache.t4g.small": ("0.032", "0.035"),
    "cache.t4g.medium": ("0.065", ""),
}
_BALANCER = ("0.0225", "0.0252")
_NAT = ("0.045", "0.048")
#: One GiB for a month.
_DISK = ("0.08", "0.088")
_DATABASE_DISK = ("0.115", "0.127")
#: The same everywhere.
_ADDRESS = Decimal("0.005")
_ALARM = Decimal("0.10")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """``monthly`` is None where the table has no price for it in that region."""

    what: str
    monthly: Decimal | None


def estimate(parameters: Parameters, templates: Templates) -> list[Line]:
    return [line for line in _lines(parameters, templates) if line.monthly != 0]


def rows(lines: list[Line]) -> list[tuple[str, str]]:
    """The table that a person reads, with its sum."""
    total, without = _sum(lines)
    priced = [(line.what, "?" if line.monthly is None else f"{line.monthly:>9,.2f}") for line in lines]
    return [("A MONTH", "US DOLLARS"), *priced, (f"together{without}", f"{total:>9,.2f}")]


def elsewhere(parameters: Parameters, templates: Templates) -> str:
    """For a region without prices, whose sum means nothing; empty for one that has them."""
    if parameters.region in _REGIONS:
        return ""
    total, without = _sum(estimate(replace(parameters, region=_INSTEAD), templates))
    return (
        f"There are no prices for {parameters.region} here, and the sum lacks them; "
        f"in {_INSTEAD} it would be {total:,.2f} dollars{without}."
    )


def _sum(lines: list[Line]) -> tuple[Decimal, str]:
    """And what to say where it is not the whole."""
    known = [line.monthly for line in lines if line.monthly is not None]
    without = "" if len(known) == len(lines) else ", without what has no price here"
    return sum(known, Decimal(0)), without


def _lines(parameters: Parameters, templates: Templates) -> Iterator[Line]:
    region, machines = parameters.region, parameters.machines
    zones = 2 if parameters.database_multi_zone else 1
    balancers = templates.count("AWS::ElasticLoadBalancingV2::LoadBalancer")
    yield Line(
        f"{machines} x {parameters.machine_type}",
        _times(_hourly(_MACHINES, parameters.machine_type, region), machines),
    )
    yield Line(f"{machines} x disk of {DISK} GiB", _in(_DISK, region, hours=1, times=machines * DISK))
    yield Line(
        f"PostgreSQL on {parameters.database_class}" + (" in two zones" if zones == 2 else ""),
        _times(_hourly(_DATABASES, parameters.database_class, region), zones),
    )
    storage = parameters.database_storage_gb
    yield Line(f"its {storage:,} GiB", _in(_DATABASE_DISK, region, hours=1, times=zones * storage))
    yield Line(f"Redis on {parameters.redis_node_type}", _hourly(_REDIS, parameters.redis_node_type, region))
    yield Line("load balancer, before its traffic", _in(_BALANCER, region, hours=HOURS, times=balancers))
    gateways = templates.count("AWS::EC2::NatGateway")
    yield Line("NAT gateway, before its traffic", _in(_NAT, region, hours=HOURS, times=gateways))
    # A balancer has one in each of its zones. Behind a NAT gateway, which has its own, machines need none.
    addresses = 2 * balancers + (gateways or machines)
    yield Line(f"{addresses} public IPv4 addresses", (_ADDRESS * HOURS * addresses).quantize(_CENT))
    alarms = templates.count("AWS::CloudWatch::Alarm")
    yield Line(f"{alarms} alarms", (_ALARM * alarms).quantize(_CENT))


def _hourly(table: dict[str, tuple[str, str]], kind: str, region: str) -> Decimal | None:
    """A month of it."""
    return _in(table[kind], region, hours=HOURS) if kind in table else None


def _in(prices: tuple[str, str], region: str, *, hours: int, times: int = 1) -> Decimal | None:
    price = prices[_REGIONS.index(region)] if region in _REGIONS else ""
    return (Decimal(price) * hours * times).quantize(_CENT) if price else None


def _times(price: Decimal | None, count: int) -> Decimal | None:
    return None if price is None else price * count

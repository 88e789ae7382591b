from decimal import Decimal

from ecdeployer.configuration import DEFAULT_INSTANCE_TYPES
from ecdeployer.instances import prices


def test_a_type_is_described_with_an_hour_and_a_month() -> None:
    text = prices.describe("t3.micro", region="eu-west-1")
    assert text == "t3.micro: $0.0183 an hour, about $13.38 a month"


def test_every_type_that_is_offered_by_default_has_a_price() -> None:
    for region in ("us-east-1", "eu-west-1"):
        assert all(prices.hourly(each, region=region) for each in DEFAULT_INSTANCE_TYPES)


def test_what_the_table_lacks_has_no_price() -> None:
    assert prices.hourly("t3.micro", region="mars-north-1") is None
    assert prices.hourly("z9.huge", region="eu-west-1") is None
    assert prices.describe("z9.huge", region="eu-west-1") == "z9.huge: price unknown"


def test_a_stopped_machine_costs_its_disk_alone() -> None:
    """A month of the disk is 16 GiB of gp3."""
    disk = prices.disk(region="eu-west-1")
    assert disk is not None
    assert round(disk * prices.HOURS_A_MONTH, 2) == Decimal("1.41")
    assert prices.machine("t3.micro", region="eu-west-1") == Decimal("0.0114")
    assert prices.address() == Decimal("0.005")
    assert prices.disk(region="mars-north-1") is None

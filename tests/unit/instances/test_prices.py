import datetime as dt
from decimal import Decimal

from ecdeployer.configuration import DEFAULT_INSTANCE_TYPES
from ecdeployer.instances import prices

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


def test_a_type_is_described_with_an_hour_and_a_month() -> None:
    text = prices.describe("t3.micro", region="eu-west-1")
    assert text == "t3.micro: $0.0114 an hour, about $8.32 a month"


def test_every_type_that_is_offered_by_default_has_a_price() -> None:
    for region in ("us-east-1", "eu-west-1"):
        assert all(prices.hourly(each, region=region) for each in DEFAULT_INSTANCE_TYPES)


def test_what_the_table_lacks_has_no_price() -> None:
    assert prices.hourly("t3.micro", region="mars-north-1") is None
    assert prices.hourly("z9.huge", region="eu-west-1") is None
    assert prices.describe("z9.huge", region="eu-west-1") == "z9.huge: price unknown"


def test_cost_counts_from_launch_to_end_to_the_second() -> None:
    until = NOON + dt.timedelta(hours=10, minutes=30)
    cost = prices.cost("t3.micro", region="eu-west-1", since=NOON, until=until)
    assert cost == Decimal("0.1197")
    assert prices.cost("t3.micro", region="eu-west-1", since=None, until=until) is None
    assert prices.cost("t3.micro", region="eu-west-1", since=until, until=NOON) == 0

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from ecdeployer.instances import prices as sites

from infrastructure import prices
from infrastructure.parameters import Parameters
from infrastructure.templates import Templates


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    lines = ["Resources:"]
    kinds = ["ElasticLoadBalancingV2::LoadBalancer", "CloudWatch::Alarm", "CloudWatch::Alarm"]
    for number, kind in enumerate(kinds):
        lines += [f"  R{number}:", f"    Type: AWS::{kind}"]
    lines += ["  # Type: AWS::CloudWatch::Alarm", "  Group:", "    Type: AWS::CloudWatch::AlarmRule"]
    (tmp_path / "portal.yaml").write_text("\n".join(lines))
    return Templates(tmp_path)


def lines(given: Parameters, templates: Templates) -> dict[str, Decimal | None]:
    return {line.what: line.monthly for line in prices.estimate(given, templates)}


def test_a_small_portal_in_ireland(given: Parameters, templates: Templates) -> None:
    assert lines(given, templates) == {
        "2 x t3.small": Decimal("33.28"),
        "2 x disk of 16 GiB": Decimal("2.82"),
        "PostgreSQL on db.t4g.micro": Decimal("12.41"),
        "its 20 GiB": Decimal("2.54"),
        "Redis on cache.t4g.micro": Decimal("12.41"),
        "load balancer, before its traffic": Decimal("18.40"),
        "4 public IPv4 addresses": Decimal("14.60"),
        "2 alarms": Decimal("0.20"),
    }
    assert prices.rows(prices.estimate(given, templates))[-1] == ("together", "    96.66")


def test_a_second_zone_doubles_the_database(given: Parameters, templates: Templates) -> None:
    found = lines(replace(given, database_multi_zone=True), templates)
    assert found["PostgreSQL on db.t4g.micro in two zones"] == Decimal("24.82")
    assert found["its 20 GiB"] == Decimal("5.08")


def test_nat_gateways_cost_where_the_templates_make_them(given: Parameters, tmp_path: Path) -> None:
    (tmp_path / "network.yaml").write_text("  A:\n    Type: AWS::EC2::NatGateway\n")
    found = lines(given, Templates(tmp_path))
    assert found["NAT gateway, before its traffic"] == Decimal("35.04")
    assert found["1 public IPv4 addresses"] == Decimal("3.65")


@pytest.mark.parametrize(
    "changes", [{"region": "ap-south-1"}, {"machine_type": "x9.large"}, {"database_class": "db.t4g.large"}]
)
def test_what_has_no_price_is_said(given: Parameters, templates: Templates, changes: dict[str, str]) -> None:
    rows = prices.rows(prices.estimate(replace(given, **changes), templates))  # type: ignore[arg-type]
    assert "?" in {price for _, price in rows}
    assert rows[-1][0] == "together, without what has no price here"


def test_a_region_without_prices_is_said_with_what_it_would_be_in_ireland(
    given: Parameters, templates: Templates
) -> None:
    assert prices.elsewhere(replace(given, region="ap-south-1"), templates) == (
        "There are no prices for ap-south-1 here, and the sum lacks them; "
        "in eu-west-1 it would be 96.66 dollars."
    )


def test_what_has_no_price_in_ireland_either(given: Parameters, templates: Templates) -> None:
    large = replace(given, region="ap-south-1", database_class="db.t4g.large")
    assert prices.elsewhere(large, templates).endswith(
        "in eu-west-1 it would be 84.25 dollars, without what has no price here."
    )


@pytest.mark.parametrize("region", prices._REGIONS)
def test_a_region_with_prices_needs_no_other(given: Parameters, templates: Templates, region: str) -> None:
    assert prices.elsewhere(replace(given, region=region), templates) == ""


def test_a_machine_costs_here_what_it_costs_on_the_portal_s_pages() -> None:
    for kind, priced in prices._MACHINES.items():
        assert [Decimal(price) for price in priced] == [
            sites.machine(kind, region=region) for region in prices._REGIONS
        ]
    assert sites.LISTED == prices.LISTED

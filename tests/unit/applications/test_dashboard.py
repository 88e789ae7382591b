from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries, Settings

from tests import portal_records as records

LIST = "applications:list"


def names(visitor: Client, query: str = "") -> list[str]:
    return [row.application.name for row in visitor.get(f"{reverse(LIST)}?{query}").context["rows"]]


def test_every_state_is_named_and_counted(visitor: Client, ines: User) -> None:
    records.make_every_state(ines)
    filters = visitor.get(reverse(LIST)).context["filters"]
    assert {value: count for value, _, count in filters} == {
        "live": 3,
        "deploying": 1,
        "queued": 1,
        "failed": 3,
        "stopped": 1,
        "terminating": 1,
        "terminated": 1,
        "cancelled": 1,
    }
    for value, _, count in filters:
        assert len(names(visitor, f"state={value}")) == count


def test_a_site_shows_its_address_and_what_all_its_instances_cost(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines)
    alone = visitor.get(reverse(LIST)).context["rows"][0]
    assert alone.address == f"http://{deployment.instance.public_ip}/"
    records.make_instance(
        deployment.application, InstanceState.TERMINATED, created_at=deployment.instance.created_at
    )
    together = visitor.get(reverse(LIST)).context["rows"][0]
    assert together.cost > alone.cost * Decimal("1.5")


def test_a_price_that_is_not_known_is_no_zero(visitor: Client, ines: User, settings: Settings) -> None:
    records.make_live(ines)
    records.make_queued(ines)
    settings.AWS_REGION = "mars-north-1"
    queued, live = visitor.get(reverse(LIST)).context["rows"]
    assert (queued.cost, live.cost) == (0, None)
    assert "price unknown" in visitor.get(reverse(LIST)).content.decode()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("orch", ["orchard"]),
        ("EXAMPLE/ORCHARD", ["orchard"]),
        ("harbour master", ["harbour"]),
        ("orchard harbour", []),
        ("%", []),
        ("\0", ["harbour", "orchard"]),
    ],
)
def test_every_word_of_a_search_has_to_be_found(
    visitor: Client, ines: User, search: str, found: list[str]
) -> None:
    records.make_running(ines)
    records.make_serving_after_failure(ines)
    assert names(visitor, f"q={search.replace('%', '%25')}") == found


def test_a_search_that_finds_nothing_says_so(visitor: Client, ines: User) -> None:
    records.make_running(ines)
    assert "Nothing matches" in visitor.get(f"{reverse(LIST)}?q=zebra").content.decode()


def test_pages_hold_twenty_and_take_a_fixed_number_of_queries(
    visitor: Client, ines: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(21):
        records.make_queued(ines, f"site-{number}")
    with django_assert_num_queries(9):
        assert len(names(visitor)) == 20
    assert names(visitor, "page=2") == ["site-0"]
    assert names(visitor, "page=nonsense")[0] == "site-20"
    page = visitor.get(f"{reverse(LIST)}?q=site&state=queued").content.decode()
    assert 'href="?q=site&amp;state=queued&amp;page=2"' in page

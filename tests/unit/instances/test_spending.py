"""What instances have cost: several, stopped, started again, ended; and where a price is not known."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.instances import prices, spending
from ecdeployer.instances.models import Instance, Usage
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries, Settings

pytestmark = pytest.mark.django_db
#: Ten hours before a month ends.
BEGIN = dt.datetime(2026, 6, 30, 14, tzinfo=dt.UTC)
#: With the address that goes with it.
MACHINE = Decimal("0.0164")
DISK = Decimal("0.088") * 16 / 730


@pytest.fixture
def clock(settings: Settings) -> Iterator[time_machine.Traveller]:
    settings.AWS_REGION = "eu-west-1"
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def application(clock: time_machine.Traveller) -> Application:
    owner = User.objects.create(username="alice")
    return Application.objects.create(
        owner=owner, name="shop", project_name="shop", github_url="https://github.com/o/r"
    )


def launch(application: Application, instance_type: str = "t3.micro") -> Instance:
    instance = Instance.objects.create(application=application, instance_type=instance_type)
    instance.move(InstanceState.LAUNCHING)
    instance.move(InstanceState.PENDING, launched_at=timezone.now(), ec2_id=f"i-{instance.pk.hex[:17]}")
    instance.move(InstanceState.RUNNING)
    return instance


def dollars(hours: Decimal) -> Decimal:
    return hours.quantize(Decimal("0.0001"))


def test_nothing_costs_before_it_is_launched(application: Application) -> None:
    instance = Instance.objects.create(application=application, instance_type="t3.micro")
    instance.move(InstanceState.LAUNCHING)
    assert spending.of_application(application.pk) == spending.Spending()
    instance.move(InstanceState.FAILED)
    assert not Usage.objects.exists()


def test_a_machine_costs_from_its_launch_and_a_new_month_begins_at_nothing(
    application: Application, clock: time_machine.Traveller
) -> None:
    launch(application)
    clock.shift(dt.timedelta(hours=12))
    told = spending.of_application(application.pk)
    assert told.monthly == prices.monthly("t3.micro", region="eu-west-1") == Decimal("13.38")
    assert told.in_all == dollars(12 * (MACHINE + DISK))
    assert told.this_month == dollars(2 * (MACHINE + DISK))


def test_a_stopped_machine_costs_its_disk_and_starting_it_forgets_nothing(
    application: Application, clock: time_machine.Traveller
) -> None:
    """EC2 tells the time of the last start as the time of the launch."""
    instance = launch(application)
    clock.shift(dt.timedelta(hours=2))
    instance.move(InstanceState.STOPPING)
    instance.move(InstanceState.STOPPED)
    clock.shift(dt.timedelta(hours=5))
    told = spending.of_application(application.pk)
    assert told.in_all == dollars(2 * MACHINE + 7 * DISK)
    assert told.monthly == Decimal("1.41")
    instance.move(InstanceState.RUNNING, launched_at=timezone.now())
    clock.shift(dt.timedelta(hours=1))
    assert spending.of_application(application.pk).in_all == dollars(3 * MACHINE + 8 * DISK)


def test_what_has_ended_stays_in_the_sum_and_grows_no_more(
    application: Application, clock: time_machine.Traveller
) -> None:
    first = launch(application)
    clock.shift(dt.timedelta(hours=1))
    first.move(InstanceState.SHUTTING_DOWN)
    first.move(InstanceState.TERMINATED, terminated_at=timezone.now())
    launch(application)
    clock.shift(dt.timedelta(hours=3))
    told = spending.of_owner(application.owner)
    assert told.in_all == dollars(4 * (MACHINE + DISK))
    assert told.monthly == Decimal("13.38")
    clock.shift(dt.timedelta(days=60))
    Instance.objects.get(state=InstanceState.RUNNING).move(InstanceState.TERMINATED)
    clock.shift(dt.timedelta(days=60))
    told = spending.of_owner(application.owner)
    assert (told.monthly, told.this_month) == (Decimal(0), Decimal(0))


def test_a_machine_that_was_adopted_late_costs_from_its_launch(
    application: Application, clock: time_machine.Traveller
) -> None:
    instance = Instance.objects.create(application=application, instance_type="t3.micro")
    instance.move(InstanceState.LAUNCHING)
    began = timezone.now()
    clock.shift(dt.timedelta(hours=1))
    instance.move(InstanceState.TERMINATED, launched_at=began, terminated_at=timezone.now())
    assert spending.of_application(application.pk).in_all == dollars(MACHINE + DISK)
    assert not Usage.objects.filter(until=None).exists()


def test_a_price_that_is_not_known_is_named_and_no_part_of_a_sum(
    application: Application, clock: time_machine.Traveller
) -> None:
    launch(application, "x9.huge")
    clock.shift(dt.timedelta(hours=1))
    told = spending.of_application(application.pk)
    assert (told.unknown, told.known) == (("x9.huge",), None)


def test_one_query_for_a_person_the_portal_and_a_page(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    launch(application)
    other = Application.objects.create(
        owner=User.objects.create(username="bob"),
        name="bar",
        project_name="bar",
        github_url="https://g.example",
    )
    launch(other, "t3.small")
    with django_assert_num_queries(3):
        alone = spending.of_owner(application.owner)
        whole = spending.of_portal()
        each = spending.of_applications([application.pk, other.pk])
    assert whole.monthly == alone.monthly + each[other.pk].monthly
    assert each[application.pk].monthly == alone.monthly

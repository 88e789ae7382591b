"""What a person and the portal may have, and who is told what beyond it."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import limits
from ecdeployer.accounts.models import User
from ecdeployer.applications.actions import RefusedError, create_application
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries, Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(settings: Settings) -> User:
    settings.MACHINES, settings.MACHINES_PER_OWNER = 10, 2
    settings.MONTHLY_USD = settings.MONTHLY_USD_PER_OWNER = None
    settings.AWS_REGION = "eu-west-1"
    return User.objects.create(username="alice")


def create(owner: User, name: str, instance_type: str = "t3.micro") -> Application:
    return create_application(
        owner=owner, by=owner, trigger=Deployment.Trigger.PAGE, environment={}, name=name,
        project_name="shop", github_url="https://github.com/o/r", instance_type=instance_type,
    )  # fmt: skip


def test_a_person_has_so_many_machines_and_no_more(alice: User) -> None:
    create(alice, "one")
    create(alice, "two")
    with pytest.raises(RefusedError, match="You have 2 of 2 machines"):
        create(alice, "three")
    assert not Application.objects.filter(name="three").exists()
    create(User.objects.create(username="bob"), "three")


def test_what_has_gone_does_not_count(alice: User) -> None:
    for name, state in (("one", InstanceState.FAILED), ("two", InstanceState.TERMINATED)):
        create(alice, name).instances.update(state=state)
    create(alice, "three")
    create(alice, "four").instances.update(state=InstanceState.STOPPED)
    assert limits.of(alice).used_machines == 2


def test_the_portal_has_a_limit_of_its_own(alice: User, settings: Settings) -> None:
    settings.MACHINES = 1
    create(alice, "one")
    with pytest.raises(RefusedError, match="This portal has 1 of 1 machines"):
        create(User.objects.create(username="bob"), "two")


def test_an_operator_may_give_somebody_another_limit(alice: User) -> None:
    alice.machine_limit = 0
    alice.monthly_usd_limit = Decimal(5)
    assert (limits.of(alice).machines, limits.of(alice).monthly_usd) == (0, Decimal(5))
    with pytest.raises(RefusedError, match="You have 0 of 0"):
        create(alice, "one")


def test_money_is_limited_too(alice: User, settings: Settings) -> None:
    settings.MONTHLY_USD_PER_OWNER = Decimal(30)
    create(alice, "one")
    assert limits.of(alice).used_monthly_usd == Decimal("13.38")
    with pytest.raises(RefusedError, match=r"for \$13.38 a month; with this one it is \$85.01.* \$30"):
        create(alice, "two", "t3.large")
    create(alice, "two")


def test_a_price_that_nobody_knows_is_not_in_the_way(alice: User, settings: Settings) -> None:
    settings.MONTHLY_USD_PER_OWNER = Decimal(1)
    create(alice, "one", "x9.huge")


def test_the_page_says_what_to_do(alice: User, client: Client, settings: Settings) -> None:
    settings.MACHINES_PER_OWNER = 0
    client.force_login(alice)
    data = {
        "name": "one", "project_name": "shop", "github_url": "https://github.com/o/r", "health_path": "/",
        "instance_type": "t3.micro",
    }  # fmt: skip
    answer = client.post(reverse("applications:new"), data)
    assert answer.status_code == 422
    assert "You have 0 of 0 machines. Terminate what is no longer needed" in answer.content.decode()


def test_counting_takes_one_query(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    create(alice, "one")
    with django_assert_num_queries(1):
        assert limits.of(alice).used_machines == 1
    assert Instance.objects.count() == 1

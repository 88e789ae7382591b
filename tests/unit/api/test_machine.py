"""The machine, for programs."""

from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.instances.models import Instance
from ecdeployer.machines.models import Change
from pytest_django import DjangoAssertNumQueries, Settings

from tests import portal_records as records


@pytest.fixture
def bakery(ines: User, settings: Settings) -> Application:
    settings.INSTANCE_TYPES = ["t3.micro", "t3.small"]
    settings.AWS_REGION = "eu-west-1"
    return records.make_live(ines).application


def machine(program: Client, application: Application) -> dict[str, Any]:
    return dict(program.get(f"/api/v1/applications/{application.pk}/machine").json())


def test_it_is_shown_with_its_price(
    program: Client, bakery: Application, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(8):
        shown = machine(program, bakery)
    assert shown["instance"]["instance_type"] == "t3.micro"
    assert (shown["monthly_usd"], shown["stopped_monthly_usd"]) == ("13.38", "1.41")
    assert (shown["address_stays"], shown["change"]) == (False, None)


@pytest.mark.parametrize(
    ("kind", "body"), [("stop", None), ("reboot", None), ("resize", {"instance_type": "t3.small"})]
)
def test_what_is_asked_of_it_is_told(
    program: Client, bakery: Application, kind: str, body: dict[str, str] | None
) -> None:
    address = f"/api/v1/applications/{bakery.pk}/machine"
    answer = program.post(f"{address}/{kind}", body, content_type="application/json")
    assert (answer.status_code, answer.headers["Location"]) == (202, address)
    assert (answer.json()["change"]["kind"], answer.json()["change"]["state"]) == (kind, "running")
    refused = program.post(f"{address}/{kind}", body, content_type="application/json")
    assert refused.status_code == 409
    Change.objects.update(state="failed", reason="It did not end in time.")
    assert machine(program, bakery)["change"]["reason"] == "It did not end in time."


def test_a_type_that_there_is_not_is_named(program: Client, bakery: Application) -> None:
    address = f"/api/v1/applications/{bakery.pk}/machine/resize"
    answer = program.post(address, {"instance_type": "huge"}, content_type="application/json")
    assert answer.status_code == 422
    assert "t3.small" in answer.json()["errors"]["instance_type"][0]


def test_a_stopped_one_is_started(program: Client, bakery: Application) -> None:
    Instance.objects.update(state="stopped")
    address = f"/api/v1/applications/{bakery.pk}/machine/start"
    assert program.post(address, None, content_type="application/json").status_code == 202

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands.models import Command
from ecdeployer.maintenance.forms import MaintenanceForm, show_span
from ecdeployer.maintenance.models import Maintenance
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records
from tests.programs import client_of
from tests.unit.hostile.corpus import CORPUS, is_unicode

LEAST = {"retry_after": "2m"}


def address(application: Application, name: str = "page") -> str:
    return reverse(f"maintenance:{name}", args=[application.pk])


def test_it_is_switched_on_and_off(visitor: Client, bakery: Application) -> None:
    page = visitor.post(address(bakery, "switch"), {"maintenance": "on"}, follow=True).content.decode()
    assert "switched on by ines" in page
    assert "The machine has not confirmed it yet." in page
    detail = visitor.get(reverse("applications:detail", args=[bakery.pk])).content.decode()
    assert address(bakery) in detail
    Maintenance.confirm(bakery.instances.get(), revision=1)
    assert "The machine has confirmed it." in visitor.get(address(bakery)).content.decode()
    visitor.post(address(bakery, "switch"), {"maintenance": "off"})
    assert not Maintenance.objects.get().is_on


def test_how_it_is_to_be_is_saved(visitor: Client, bakery: Application) -> None:
    sent = {
        "retry_after": "10m",
        "message": "Back\r\nat noon.",
        "addresses": " 203.0.113.7 \r\n\r\n2001:DB8::/32\n203.0.113.7",
        "around_deployments": "on",
    }
    assert visitor.post(address(bakery), sent).status_code == 302
    row = Maintenance.objects.get()
    assert (row.retry_after, row.message, row.around_deployments, row.is_on) == (
        600,
        "Back\nat noon.",
        True,
        False,
    )
    assert row.addresses == ["203.0.113.7/32", "2001:db8::/32"]
    page = visitor.get(address(bakery)).content.decode()
    assert 'value="10m"' in page
    assert "203.0.113.7/32\n2001:db8::/32" in page


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(
    visitor: Client, bakery: Application
) -> None:
    shown = visitor.get(address(bakery)).context["maintenance"].seen
    first = LEAST | {"seen": shown, "message": "Hers", "retry_after": "10m"}
    assert visitor.post(address(bakery), first).status_code == 302
    late = LEAST | {"seen": shown, "message": "His", "around_deployments": "on"}
    refused = visitor.post(address(bakery), late)
    assert refused.status_code == 422
    errors = refused.context["form"].errors
    assert set(errors) == {"message", "retry_after", "around_deployments"}
    assert "since you opened the page, to 'Hers'" in errors["message"][0]
    assert "to '10m'" in errors["retry_after"][0]
    assert "to off" in errors["around_deployments"][0]
    assert Maintenance.objects.get().message == "Hers"
    # It has been seen now. To switch it on is nothing that a page of settings hides.
    visitor.post(address(bakery, "switch"), {"maintenance": "on"})
    late["seen"] = refused.context["maintenance"].seen
    assert visitor.post(address(bakery), late).status_code == 302
    assert Maintenance.objects.get().message == "His"


def test_the_persons_own_address_is_added(visitor: Client, bakery: Application) -> None:
    page = visitor.get(address(bakery), REMOTE_ADDR="192.0.2.7").content.decode()
    assert "You come from 192.0.2.7" in page
    visitor.post(
        address(bakery), LEAST | {"addresses": "10.0.0.1", "own": "6.6.6.6"}, REMOTE_ADDR="192.0.2.7"
    )
    assert Maintenance.objects.get().addresses == ["10.0.0.1/32", "192.0.2.7/32"]


@pytest.mark.parametrize(
    ("field", "text", "found"),
    [
        ("retry_after", "", "Write seconds or minutes"),
        ("retry_after", "0", "Write seconds or minutes"),
        ("retry_after", "8d", "at most a week"),
        ("retry_after", "-5", "Write seconds or minutes"),
        ("addresses", "203.0.113.9/24", "Write 203.0.113.0/24."),
        ("addresses", "0.0.0.0/0", "lets everybody through"),
        ("addresses", "fe80::1%eth0", "Found 'fe80::1%eth0'"),
        ("addresses", "example.com", "Found 'example.com'"),
        ("addresses", "10.0.0.1;", "Found '10.0.0.1;'"),
        ("addresses", "\n".join(f"10.0.0.{each}" for each in range(51)), "At most 50"),
        ("message", "x" * 501, "500"),
        ("message", "a\u202eb", "U+202E"),
    ],
)
def test_a_mistake_is_named_beside_its_field(
    visitor: Client, bakery: Application, field: str, text: str, found: str
) -> None:
    answer: Any = visitor.post(address(bakery), LEAST | {field: text})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert found in answer.context["form"].errors[field][0]
    assert not Maintenance.objects.exists()


def test_hostile_text_is_kept_or_refused_and_no_address(bakery: Application) -> None:
    for text in CORPUS["everywhere"]:
        form = MaintenanceForm(LEAST | {"addresses": text, "message": text})
        assert not form.is_valid() or not text.strip(), text
        if "message" not in form.errors and is_unicode(text):
            assert form.cleaned_data["message"] == text.replace("\r\n", "\n")
        assert len(str(form.errors.get("addresses", ""))) < 400


@pytest.mark.parametrize(
    ("seconds", "shown"), [(90, "90"), (60, "1m"), (600, "10m"), (7200, "2h"), (86400, "1d")]
)
def test_a_time_is_shown_as_it_is_typed(seconds: int, shown: str) -> None:
    assert show_span(seconds) == shown
    form = MaintenanceForm({"retry_after": shown})
    assert form.is_valid()
    assert form.cleaned_data["retry_after"] == seconds


def test_a_page_that_waits_asks_until_the_machine_has_confirmed(visitor: Client, bakery: Application) -> None:
    visitor.post(address(bakery, "switch"), {"maintenance": "on"})
    first = visitor.get(address(bakery, "live"))
    assert first.status_code == 200
    tag = first.headers["ETag"]
    assert visitor.get(address(bakery, "live"), headers={"If-None-Match": tag}).status_code == 304
    Command.objects.update(state="failed", reason="It did not end in time.", revision=5)
    failed = visitor.get(address(bakery, "live"), headers={"If-None-Match": tag})
    assert "It did not end in time." in failed.content.decode()
    Maintenance.confirm(bakery.instances.get(), revision=1)
    assert visitor.get(address(bakery, "live"), headers={"If-None-Match": tag}).status_code == 286


def test_a_terminated_application_is_shown_and_not_changed(visitor: Client, ines: User) -> None:
    application = records.make_terminated(ines).application
    assert "it has no visitors" in visitor.get(address(application)).content.decode()
    assert visitor.post(address(application), LEAST | {"message": "x"}).status_code == 422
    visitor.post(address(application, "switch"), {"maintenance": "on"})
    assert not Maintenance.objects.exists()


def test_the_page_takes_a_fixed_number_of_queries(
    visitor: Client, bakery: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    visitor.post(address(bakery, "switch"), {"maintenance": "on"})
    visitor.get(address(bakery))
    with django_assert_num_queries(6):
        assert visitor.get(address(bakery)).status_code == 200


def test_a_program_puts_all_of_it(ines: User, bakery: Application) -> None:
    program = client_of(ines)
    path = f"/api/v1/applications/{bakery.pk}/maintenance"
    assert program.get(path).json()["on"] is False
    wanted = {
        "on": True,
        "retry_after": 600,
        "message": "m",
        "addresses": ["10.0.0.0/8"],
        "around_deployments": True,
    }
    for _ in range(2):
        answer = program.put(path, json.dumps(wanted), content_type="application/json")
        assert answer.status_code == 200
        assert answer.json().items() >= wanted.items()
    assert Maintenance.objects.get().revision == 1
    Maintenance.confirm(bakery.instances.get(), revision=1)
    assert program.get(path).json()["confirmed"] is True
    for field, wrong in (("addresses", ["x"]), ("retry_after", 0), ("message", "x" * 501), ("nothing", 1)):
        answer = program.put(path, json.dumps(wanted | {field: wrong}), content_type="application/json")
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.portal_records import make_live, make_person

RECORDS = [
    "applications_application",
    "applications_event",
    "commands_command",
    "deployments_deployment",
    "instances_goldenimage",
    "instances_instance",
    "machines_change",
    "maintenance_maintenance",
]


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    make_live(make_person("ines"))
    client.force_login(make_person("operator", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("record", RECORDS)
def test_records_that_a_state_machine_owns_are_read_and_not_written(operator: Client, record: str) -> None:
    assert operator.get(reverse(f"admin:{record}_changelist") + "?q=bakery").status_code == 200
    assert operator.get(reverse(f"admin:{record}_add")).status_code == 403


def test_no_record_of_ours_can_be_changed_but_people() -> None:
    ours = {model.__name__ for model in admin.site._registry if model.__module__.startswith("ecdeployer.")}
    assert ours == {
        "Application",
        "Change",
        "Command",
        "Deployment",
        "Event",
        "GoldenImage",
        "Instance",
        "Maintenance",
        "User",
    }


def test_a_record_is_shown_without_what_is_secret(operator: Client) -> None:
    for record in ("application", "deployment", "instance"):
        room = f"{record}s"
        listed = operator.get(reverse(f"admin:{room}_{record}_changelist")).content.decode()
        pk = listed.partition(f"/admin/{room}/{record}/")[2].partition("/")[0]
        page = operator.get(reverse(f"admin:{room}_{record}_change", args=[pk])).content.decode()
        assert "sk_live_1" not in page
        assert "report_token_hash" not in page
        assert 'name="_save"' not in page


def test_people_who_are_not_staff_have_no_admin(client: Client, db: None) -> None:
    client.force_login(make_person("ines"))
    assert client.get(reverse("admin:index")).status_code in (302, 403)

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application

from tests.portal_records import make_live, make_person


@pytest.fixture
def ines(client: Client, db: None) -> User:
    person = make_person("ines")
    client.force_login(person)
    return person


def test_a_zone_that_is_chosen_is_the_zone_of_every_page(client: Client, ines: User) -> None:
    deployment = make_live(ines)
    Application.objects.update(created_at=dt.datetime(2026, 7, 1, tzinfo=dt.UTC))
    deployment.instance.launched_at = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
    deployment.instance.save()
    page = deployment.application.get_absolute_url()
    assert "1 Jul 2026, 22:30:00 UTC" in client.get(page).content.decode()
    client.post(reverse("profile"), {"time_zone": "Asia/Kolkata"})
    assert "2 Jul 2026, 04:00:00 IST" in client.get(page).content.decode()


def test_a_zone_that_does_not_exist_is_refused(client: Client, ines: User) -> None:
    answer = client.post(reverse("profile"), {"time_zone": "Mars/Olympus"})
    assert answer.status_code == 422
    ines.refresh_from_db()
    assert ines.time_zone == "UTC"


def test_a_zone_that_this_machine_no_longer_knows_is_shown_as_utc(client: Client, ines: User) -> None:
    User.objects.update(time_zone="Gone/Zone")
    assert client.get(reverse("profile")).status_code == 200

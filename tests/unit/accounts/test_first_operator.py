import hashlib

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Event
from pytest_django import Settings

from tests.portal_records import make_person

pytestmark = pytest.mark.django_db
CODE = "a" * 64
PASSWORD = "correct horse battery"
SENT = {
    "username": "ada",
    "email": "ada@example.com",
    "password1": PASSWORD,
    "password2": PASSWORD,
    "code": CODE,
}
PATH = "/accounts/first/"


@pytest.fixture(autouse=True)
def code(settings: Settings) -> None:
    settings.FIRST_OPERATOR_SHA256 = hashlib.sha256(CODE.encode()).hexdigest()


def test_whoever_has_the_code_becomes_the_first_superuser_and_is_signed_in(client: Client) -> None:
    assert client.get(PATH).status_code == 200
    answer = client.post(PATH, SENT)
    assert answer.headers["Location"] == "/"
    ada = User.objects.get()
    assert (ada.is_superuser, ada.is_staff, ada.check_password(PASSWORD)) == (True, True, True)
    assert client.get(reverse("admin:index")).status_code == 200
    assert set(Event.objects.values_list("verb", "actor_name")) == {
        ("first operator made", "ada"),
        ("signed in", "ada"),
    }


def test_the_page_is_gone_afterwards(client: Client) -> None:
    client.post(PATH, SENT)
    other = Client()
    assert other.get(PATH).status_code == 404
    assert other.post(PATH, {**SENT, "username": "eve"}).status_code == 404
    assert User.objects.count() == 1


def test_people_who_are_no_superusers_leave_it_open(client: Client) -> None:
    make_person("ines")
    assert client.get(PATH).status_code == 200


@pytest.mark.parametrize("set_to", ["", None])
def test_without_a_code_there_is_no_such_page(client: Client, settings: Settings, set_to: str | None) -> None:
    settings.FIRST_OPERATOR_SHA256 = set_to
    assert client.get(PATH).status_code == 404
    assert client.post(PATH, {**SENT, "code": ""}).status_code == 404


@pytest.mark.parametrize("wrong", ["", "a" * 63, "a" * 65, f"{'A' * 64}", "é" * 64])
def test_another_code_makes_nobody(client: Client, wrong: str) -> None:
    answer = client.post(PATH, {**SENT, "code": wrong})
    assert answer.status_code == 422
    assert not User.objects.exists()


def test_the_code_is_never_shown_again(client: Client) -> None:
    answer = client.post(PATH, {**SENT, "password2": "another one"})
    assert answer.status_code == 422
    assert CODE not in answer.content.decode()


def test_a_weak_password_is_refused(client: Client) -> None:
    answer = client.post(PATH, {**SENT, "password1": "12345678", "password2": "12345678"})
    assert "entirely numeric" in answer.content.decode()
    assert not User.objects.exists()

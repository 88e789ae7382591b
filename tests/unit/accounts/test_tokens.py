"""Tokens of the API, and the page that makes and revokes them."""

import datetime as dt
import logging

import pytest
import time_machine
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import ApiToken, User
from ecdeployer.applications.models import Event
from pytest_django import DjangoAssertNumQueries

from tests.portal_records import make_person

PAGE = "tokens:list"


@pytest.fixture
def ines(client: Client, db: None) -> User:
    person = make_person("ines")
    client.force_login(person)
    return person


def test_a_token_finds_its_person_and_only_its_hash_is_kept(ines: User) -> None:
    token, secret = tokens.create(ines, name="laptop", days=7)
    assert secret.startswith("ecd_")
    assert len(secret) == 47
    assert secret not in str(ApiToken.objects.values())
    assert token.prefix == secret[:10]
    found = tokens.find(secret)
    assert found is not None
    assert found.user == ines


@pytest.mark.parametrize("secret", ["", "ecd_", "ecd_\ud800", "ecd_" + "a" * 43])
def test_what_is_no_token_finds_nobody(ines: User, secret: str) -> None:
    tokens.create(ines, name="laptop", days=7)
    assert tokens.find(secret) is None


def test_a_token_ends_by_time_by_its_person_and_with_its_person(ines: User) -> None:
    token, secret = tokens.create(ines, name="laptop", days=7)
    with time_machine.travel(token.expires_at + dt.timedelta(seconds=1)):
        assert tokens.find(secret) is None
        assert token.state == "expired"
    User.objects.update(is_active=False)
    assert tokens.find(secret) is None
    User.objects.update(is_active=True)
    assert tokens.find(secret) is not None
    assert tokens.revoke(token)
    assert not tokens.revoke(token)
    assert tokens.find(secret) is None


def test_use_is_noted_at_most_once_a_minute(
    ines: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, secret = tokens.create(ines, name="laptop", days=7)
    now = dt.datetime.now(dt.UTC)
    for seconds, queries in ((0, 2), (59, 1), (61, 2)):
        with (
            time_machine.travel(now + dt.timedelta(seconds=seconds), tick=False),
            django_assert_num_queries(queries),
        ):
            tokens.find(secret)
    assert ApiToken.objects.get().last_used_at == now + dt.timedelta(seconds=61)


def test_a_name_is_free_again_once_its_token_is_revoked(ines: User) -> None:
    token, _ = tokens.create(ines, name="laptop", days=7)
    tokens.revoke(token)
    tokens.create(ines, name="laptop", days=7)
    with pytest.raises(IntegrityError):
        tokens.create(ines, name="laptop", days=7)


def test_no_token_is_logged(ines: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        token, secret = tokens.create(ines, name="laptop", days=7)
        tokens.revoke(token)
    told = [event.detail for event in Event.objects.filter(verb__startswith="API token")]
    assert [token.prefix in detail for detail in told] == [True, True]
    assert secret not in caplog.text + "".join(told)


def test_the_page_shows_a_new_token_once(client: Client, ines: User) -> None:
    made = client.post(reverse(PAGE), {"name": "<laptop>", "days": 30})
    _, secret = made.context["made"]
    assert made.status_code == 201
    assert secret in made.content.decode()
    assert "no-store" in made.headers["Cache-Control"]
    again = client.get(reverse(PAGE)).content.decode()
    assert secret not in again
    assert "&lt;laptop&gt;" in again
    assert tokens.find(secret) is not None


def test_a_name_that_is_taken_and_a_time_that_is_not_offered_are_refused(client: Client, ines: User) -> None:
    tokens.create(ines, name="laptop", days=7)
    for data in ({"name": "laptop", "days": 30}, {"name": "other", "days": 36500}, {}):
        assert client.post(reverse(PAGE), data).status_code == 422
    assert ApiToken.objects.count() == 1


def test_revoking_ends_it_at_once(client: Client, ines: User) -> None:
    token, secret = tokens.create(ines, name="laptop", days=7)
    address = reverse("tokens:revoke", args=[token.pk])
    assert client.get(address).status_code == 405
    told = client.post(address, follow=True).content.decode()
    assert "laptop is revoked" in told
    assert tokens.find(secret) is None
    assert "revoked already" in client.post(address, follow=True).content.decode()


def test_the_page_lists_nobody_elses(client: Client, ines: User) -> None:
    tokens.create(make_person("rui"), name="phone", days=7)
    page = client.get(reverse(PAGE)).content.decode()
    assert "phone" not in page
    assert reverse(PAGE) in client.get(reverse("profile")).content.decode()


def test_a_token_that_is_good_is_listed_however_many_were_revoked_since(client: Client, ines: User) -> None:
    tokens.create(ines, name="stolen", days=365)
    for _ in range(2 * tokens.MOST):
        tokens.revoke(tokens.create(ines, name="nightly", days=7)[0])
    assert "stolen" in client.get(reverse(PAGE)).content.decode()


def test_nobody_has_more_tokens_than_are_listed(client: Client, ines: User) -> None:
    for number in range(tokens.MOST):
        tokens.create(ines, name=f"t{number}", days=7)
    answer = client.post(reverse(PAGE), {"name": "one more", "days": "7"})
    assert answer.status_code == 422
    assert f"You have {tokens.MOST} tokens. Revoke one" in answer.content.decode()

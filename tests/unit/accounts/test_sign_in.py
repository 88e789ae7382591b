import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Event
from pytest_django import Settings

from tests.portal_records import make_person

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "rui", "email": "rui@example.com", "password1": PASSWORD, "password2": PASSWORD}


def sign_in(client: Client, login: str, password: str = PASSWORD) -> int:
    return client.post(reverse("account_login"), {"login": login, "password": password}).status_code


def test_a_person_signs_in_by_name_or_by_address_and_lands_on_the_dashboard(client: Client, db: None) -> None:
    make_person("ines")
    for login in ("ines", "ines@example.com"):
        answer = client.post(reverse("account_login"), {"login": login, "password": PASSWORD})
        assert answer.headers["Location"] == reverse("applications:list")
        client.logout()


def test_signing_in_goes_on_to_the_page_that_was_asked_for(client: Client, db: None) -> None:
    make_person("ines")
    wanted = reverse("applications:new")
    address = client.get(wanted).headers["Location"]
    answer = client.post(address, {"login": "ines", "password": PASSWORD})
    assert answer.headers["Location"] == wanted


def test_signing_in_goes_on_to_no_other_site(client: Client, db: None) -> None:
    make_person("ines")
    address = f"{reverse('account_login')}?next=https://elsewhere.example.com/"
    answer = client.post(address, {"login": "ines", "password": PASSWORD})
    assert answer.headers["Location"] == reverse("applications:list")


def test_after_five_wrong_passwords_the_right_one_has_to_wait(client: Client, db: None) -> None:
    make_person("ines")
    for _ in range(5):
        sign_in(client, "ines", "wrong")
    answer = client.post(reverse("account_login"), {"login": "ines", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Too many failed login attempts" in answer.content.decode()


def test_signing_out_takes_a_post(client: Client, db: None) -> None:
    client.force_login(make_person("ines"))
    assert client.get(reverse("account_logout")).status_code == 200
    assert client.get(reverse("applications:list")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("applications:list")).status_code == 302


def test_signing_up_is_closed_unless_the_operator_opens_it(client: Client, db: None) -> None:
    answer = client.post(reverse("account_signup"), SIGN_UP)
    assert "Sign-up is closed" in answer.content.decode()
    assert not User.objects.exists()
    assert reverse("account_signup") not in client.get(reverse("account_login")).content.decode()


def test_signing_up_makes_an_account_where_it_is_open(client: Client, db: None, settings: Settings) -> None:
    settings.SIGN_UP = True
    answer = client.post(reverse("account_signup"), SIGN_UP)
    assert answer.headers["Location"] == reverse("applications:list")
    assert not User.objects.get(username="rui").is_staff


def test_github_is_offered_where_its_keys_are_set(client: Client, db: None, settings: Settings) -> None:
    page = reverse("account_login")
    assert "Continue with GitHub" not in client.get(page).content.decode()
    settings.GITHUB_SIGN_IN = True
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [{"client_id": "id", "secret": "key"}]}}
    content = client.get(page).content.decode()
    assert "Continue with GitHub" in content
    answer = client.post(reverse("github_login"))
    assert answer.headers["Location"].startswith("https://github.com/login/oauth/authorize?client_id=id")


def test_the_admin_sends_to_the_same_throttled_sign_in(client: Client, db: None) -> None:
    answer = client.get(reverse("admin:login"))
    assert answer.headers["Location"].startswith(reverse("account_login"))


def test_signing_in_leaves_nothing_to_be_written_by_a_look(client: Client, db: None) -> None:
    make_person("ines")
    sign_in(client, "ines")
    assert EmailAddress.objects.get().email == "ines@example.com"


def hops(proxies: int, *, forged: str, address: str) -> dict[str, str]:
    """What arrives when somebody at this address writes a header of its own, past so many proxies."""
    peers = [address, *(f"10.0.0.{number}" for number in range(proxies))]
    told = [forged, *peers[:-1]]
    return {"REMOTE_ADDR": peers[-1], "HTTP_X_FORWARDED_FOR": ", ".join(told)}


def attempt(login: str, password: str, **sent: str) -> str:
    answer = Client().post(reverse("account_login"), {"login": login, "password": password}, **sent)  # type: ignore[arg-type]
    return "in" if answer.status_code == 302 else answer.content.decode()


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_an_address_that_tries_many_names_has_to_wait_whatever_it_forges(
    db: None, settings: Settings, proxies: int
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    make_person("ines")
    for number in range(10):
        sent = hops(proxies, forged=f"198.51.100.{number}", address="192.0.2.7")
        assert "Too many" not in attempt(f"person{number}", "wrong", **sent)
    forged = hops(proxies, forged="203.0.113.1", address="192.0.2.7")
    assert "Too many failed login attempts" in attempt("ines", PASSWORD, **forged)
    # Nobody else is kept out by it, not even whoever the forger names.
    assert attempt("ines", PASSWORD, **hops(proxies, forged="192.0.2.7", address="203.0.113.1")) == "in"


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_name_that_is_tried_from_many_addresses_has_to_wait(
    db: None, settings: Settings, proxies: int
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    make_person("ines")
    make_person("rui")
    for number in range(5):
        attempt("ines", "wrong", **hops(proxies, forged="x", address=f"192.0.2.{number}"))
    elsewhere = hops(proxies, forged="x", address="192.0.2.99")
    assert "Too many failed login attempts" in attempt("ines", PASSWORD, **elsewhere)
    assert attempt("rui", PASSWORD, **elsewhere) == "in"


@pytest.mark.parametrize("header", ["", "192.0.2.1", "<script>"])
def test_what_came_past_fewer_proxies_than_there_are_is_known_by_its_peer(
    db: None, settings: Settings, header: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    make_person("ines")
    sent = {"REMOTE_ADDR": "192.0.2.7"} | ({"HTTP_X_FORWARDED_FOR": header} if header else {})
    for number in range(10):
        attempt(f"person{number}", "wrong", **sent)
    assert "Too many failed login attempts" in attempt("ines", PASSWORD, **sent)
    event = Event.objects.filter(verb="sign-in failed").first()
    assert event is not None
    assert event.address == "192.0.2.7"

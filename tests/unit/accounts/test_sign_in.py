from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
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

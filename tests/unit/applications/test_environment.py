import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions
from ecdeployer.applications.environment import looks_secret
from ecdeployer.applications.models import Application, Event
from ecdeployer.deployments.models import Deployment
from pytest_django import DjangoAssertNumQueries

from tests.portal_records import make_live, make_person

SECRET = "sk_live_1"
UNTOUCHED = {"STRIPE_KEY": SECRET}


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines).application


def values(application: Application) -> dict[str, str]:
    return dict(application.environment.values_list("name", "value"))


def secrets(application: Application) -> dict[str, bool]:
    return dict(application.environment.values_list("name", "secret"))


def address(application: Application, name: str = "environment") -> str:
    return reverse(f"applications:{name}", args=[application.pk])


def change(visitor: Client, application: Application, **fields: str) -> Any:
    return visitor.post(address(application, "change-variable"), fields)


def preview(visitor: Client, application: Application, **fields: Any) -> Any:
    return visitor.post(address(application, "import-variables"), fields)


def confirm(visitor: Client, application: Application, shown: Any, **fields: Any) -> Any:
    return visitor.post(address(application, "confirm-import"), {"sealed": shown.context["sealed"], **fields})


def test_secrets_are_names_alone_and_the_others_are_shown(
    visitor: Client, ines: User, application: Application
) -> None:
    actions.set_environment(application, by=ines, values={"MODE": "quiet<b>"}, secret={"MODE": False})
    answer = visitor.get(address(application))
    page = answer.content.decode()
    assert "STRIPE_KEY" in page
    assert SECRET not in page
    assert "quiet&lt;b&gt;" in page
    assert "by ines" in page
    assert "no-store" in answer.headers["Cache-Control"]


def test_one_is_added_as_a_secret_unless_it_is_said(visitor: Client, application: Application) -> None:
    assert change(visitor, application, name="TOKEN", value="t").status_code == 302
    assert change(visitor, application, name="MODE", value="m", plain="on").status_code == 302
    assert values(application) == {**UNTOUCHED, "TOKEN": "t", "MODE": "m"}
    assert secrets(application) == {"STRIPE_KEY": True, "TOKEN": True, "MODE": False}


def test_one_is_changed_to_exactly_what_was_typed(visitor: Client, application: Application) -> None:
    change(visitor, application, name="STRIPE_KEY", value=" a'\r\nb$ ")
    assert values(application) == {"STRIPE_KEY": " a'\nb$ "}
    assert application.environment.get().secret


def test_a_secret_is_not_uncovered(visitor: Client, application: Application) -> None:
    answer = change(visitor, application, name="STRIPE_KEY", value="", plain="on")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "is not shown again: write a new one" in page
    assert SECRET not in page
    assert (values(application), secrets(application)) == (UNTOUCHED, {"STRIPE_KEY": True})
    change(visitor, application, name="STRIPE_KEY", value="pk_1", plain="on")
    assert (values(application), secrets(application)) == ({"STRIPE_KEY": "pk_1"}, {"STRIPE_KEY": False})
    change(visitor, application, name="STRIPE_KEY", value="pk_1")
    assert secrets(application) == {"STRIPE_KEY": True}
    assert "pk_1" not in visitor.get(address(application)).content.decode()


def test_one_is_removed_and_removing_it_again_is_no_mistake(
    visitor: Client, application: Application
) -> None:
    for _ in range(2):
        answer = visitor.post(address(application, "remove-variable"), {"name": "STRIPE_KEY"})
        assert answer.status_code == 302
    assert values(application) == {}
    assert "None yet." in visitor.get(address(application)).content.decode()


def test_a_mistake_in_one_variable_opens_it(visitor: Client, application: Application) -> None:
    answer = change(visitor, application, name="STRIPE_KEY", value="x" * 40_000)
    assert answer.status_code == 422
    assert re.search(r'id="variable-STRIPE_KEY"\s+open', answer.content.decode())


def test_a_name_that_is_reserved_is_refused_beside_its_field(
    visitor: Client, application: Application
) -> None:
    answer = change(visitor, application, name="PATH", value="/tmp")
    assert answer.status_code == 422
    assert "PATH is reserved" in str(answer.context["add_form"].errors["name"])
    assert values(application) == UNTOUCHED


# Importing


def test_what_a_file_would_change_is_shown_before_it_is_saved(
    visitor: Client, ines: User, application: Application
) -> None:
    given: dict[str, str | None] = {"MODE": "old-mode", "SAME": "same", "GONE": "gone"}
    actions.set_environment(application, by=ines, values=given, secret=dict.fromkeys(given, False))
    file = SimpleUploadedFile(
        ".env", b"\xef\xbb\xbfMODE=new-mode\r\nSAME=same\r\nAPI_TOKEN=fresh\r\nDEBUG=off\r\n"
    )
    shown = preview(visitor, application, file=file, replace="on", guess="on")
    assert shown.status_code == 200
    groups = {str(kind): [each.name for each in found] for kind, found in shown.context["groups"]}
    assert groups == {
        "added": ["API_TOKEN", "DEBUG"],
        "changed": ["MODE"],
        "same": ["SAME"],
        "removed": ["GONE", "STRIPE_KEY"],
    }
    page = shown.content.decode()
    assert "old-mode" in page
    assert "new-mode" in page
    assert "fresh" not in page
    assert SECRET not in page
    assert re.findall(r'value="(\w+)"\s+id="plain-\w+"\s+checked', page) == ["DEBUG"]
    assert page.count("(looks like one)") == 1
    assert values(application) == {**UNTOUCHED, **given}
    assert confirm(visitor, application, shown, plain=["DEBUG"]).status_code == 302
    assert values(application) == {"MODE": "new-mode", "SAME": "same", "API_TOKEN": "fresh", "DEBUG": "off"}
    assert secrets(application) == {"MODE": False, "SAME": False, "API_TOKEN": True, "DEBUG": False}
    detail = Event.objects.filter(verb="environment changed").latest("pk").detail
    assert detail == "API_TOKEN, DEBUG, GONE, MODE, STRIPE_KEY"


def test_a_file_uncovers_no_secret(visitor: Client, application: Application) -> None:
    shown = preview(visitor, application, text="STRIPE_KEY=fresh-one", guess="on")
    assert "fresh-one" not in shown.content.decode()
    confirm(visitor, application, shown, plain=["STRIPE_KEY"])
    assert (values(application), secrets(application)) == (
        {"STRIPE_KEY": "fresh-one"},
        {"STRIPE_KEY": True},
    )


def test_secrets_that_an_exported_file_speaks_of_stay(visitor: Client, application: Application) -> None:
    text = "A=1\n# STRIPE_KEY= (secret, not exported)\n"
    confirm(visitor, application, preview(visitor, application, text=text, replace="on"))
    assert values(application) == {"A": "1", **UNTOUCHED}


def test_what_somebody_saved_meanwhile_is_shown_anew(visitor: Client, application: Application) -> None:
    shown = preview(visitor, application, text="A=1", replace="on")
    actions.set_environment(application, by=None, values={"B": "2"})
    again = confirm(visitor, application, shown)
    assert "Somebody has saved meanwhile" in again.content.decode()
    assert values(application) == {**UNTOUCHED, "B": "2"}
    confirm(visitor, application, again)
    assert values(application) == {"A": "1"}


def test_a_preview_is_good_for_its_person_and_application_alone(
    visitor: Client, ines: User, application: Application, settings: Any
) -> None:
    shown = preview(visitor, application, text="A=1")
    other = make_live(ines, "other").application
    for sealed in (shown.context["sealed"], "", "x", "gAAAAA\ud800"):
        answer = visitor.post(address(other, "confirm-import"), {"sealed": sealed.encode("utf-8", "replace")})
        assert answer.status_code == 302
        assert values(other) == UNTOUCHED
    settings.SECRET_KEY = "another" * 10
    assert confirm(visitor, other, shown).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"text": "PATH=/tmp"}, "text", "PATH is reserved"),
        ({"text": "no value"}, "text", "Line 1"),
        ({"text": ""}, None, "one of the two"),
        ({"text": "# nothing"}, "text", "Found no variable"),
        ({"text": "A=" + "x" * 29_970}, "text", "is the most that can be kept"),
        ({"file": b"A=\xff"}, "file", "no UTF-8 text"),
        ({"file": b"A=" + b"x" * 70_000}, "file", "Found 70,002 bytes"),
        ({"file": b"A=1", "text": "A=1"}, None, "one of the two"),
    ],
)
def test_what_cannot_be_kept_is_refused_beside_the_field(
    visitor: Client, application: Application, fields: dict[str, Any], field: str | None, message: str
) -> None:
    sent = {
        name: SimpleUploadedFile(".env", value) if isinstance(value, bytes) else value
        for name, value in fields.items()
    }
    answer = preview(visitor, application, **sent)
    assert answer.status_code == 422
    form = answer.context["import_form"]
    found = form.errors[field] if field else form.non_field_errors()
    assert message in found[0]
    assert found[0].replace("'", "&#x27;") in answer.content.decode()
    assert values(application) == UNTOUCHED


@pytest.mark.parametrize(
    ("name", "value", "likely"),
    [
        ("STRIPE_KEY", "x", True),
        ("django_secret", "x", True),
        ("API_TOKEN", "", True),
        ("DB_PASSWORD", "", True),
        ("DATABASE_URL", "postgres://u:p@h/d", True),
        ("DATABASE_URL", "postgres://h/d", False),
        ("SITE_URL", "https://example.com/@ada", False),
        ("DEBUG", "off", False),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str, likely: bool) -> None:
    assert looks_secret(name, value) is likely


# Applying, taking away, and who did


def test_saving_and_applying_deploys_the_live_commit(
    visitor: Client, ines: User, application: Application
) -> None:
    answer = change(visitor, application, name="A", value="1", apply="yes")
    assert answer.headers["Location"] == application.get_absolute_url()
    deployment = application.deployments.get(number=2)
    assert (deployment.of_live, deployment.created_by, deployment.trigger) == (True, ines, "page")
    assert deployment.commit_sha == application.deployments.get(number=1).commit_sha


def test_what_cannot_be_applied_is_saved_and_said(visitor: Client, application: Application) -> None:
    application.instances.update(state="stopped")
    answer = visitor.post(
        address(application, "change-variable"), {"name": "A", "value": "1", "apply": "yes"}, follow=True
    )
    assert "What is saved was not applied. The instance is stopped." in answer.content.decode()
    assert values(application) == {**UNTOUCHED, "A": "1"}
    assert application.deployments.count() == 1


def test_applying_has_a_button_of_its_own(visitor: Client, application: Application) -> None:
    assert visitor.post(address(application, "apply-environment")).status_code == 302
    assert application.deployments.get(number=2).of_live


def test_the_history_names_people_and_names(visitor: Client, application: Application) -> None:
    change(visitor, application, name="MODE", value="canary-value", plain="on")
    taken = visitor.post(address(application, "export-variables"))
    assert taken.content.decode() == "MODE=canary-value\n# STRIPE_KEY= (secret, not exported)\n"
    assert "no-store" in taken.headers["Cache-Control"]
    assert taken.headers["Content-Disposition"] == 'attachment; filename="bakery.env"'
    events = list(Event.objects.order_by("pk").values_list("verb", "detail", "actor_name"))[-2:]
    assert events == [
        ("environment changed", "MODE", "ines"),
        ("environment exported", "MODE", "ines"),
    ]
    page = visitor.get(address(application)).content.decode()
    assert "environment exported" in page


@pytest.mark.parametrize(
    "name",
    [
        "environment", "change-variable", "remove-variable", "import-variables", "confirm-import",
        "export-variables", "apply-environment",
    ],
)  # fmt: skip
def test_nobody_else_has_any_of_it(client: Client, application: Application, name: str) -> None:
    client.force_login(make_person("rui"))
    before = Event.objects.count()
    for method in (client.get, client.post):
        assert method(address(application, name)).status_code in (404, 405)
    assert client.post(address(application, name), {"name": "STRIPE_KEY"}).status_code in (404, 405)
    assert values(application) == UNTOUCHED
    assert (Event.objects.count(), Deployment.objects.count()) == (before, 1)


def test_the_page_takes_a_fixed_number_of_queries(
    visitor: Client, ines: User, application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 9):
        for number in range(count):
            values_: dict[str, str | None] = {f"NAME_{number}": str(number)}
            actions.set_environment(application, by=ines, values=values_)
        with django_assert_num_queries(7):
            visitor.get(address(application))

"""Hostile strings in the fields beside those of a new application, and in what programs send around them."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import ApiToken, User
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application, EnvironmentVariable
from ecdeployer.deployments.models import Deployment
from pytest_django import Settings

from tests.portal_records import make_asking, make_live

from .corpus import CORPUS, SOME, is_unicode, post_form, read_page

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def values(application: Application) -> dict[str, str]:
    return dict(EnvironmentVariable.objects.filter(application=application).values_list("name", "value"))


def refused(answer: Any, text: str, *, form: str, field: str | None) -> None:
    """422, with the message where the person looks and nothing of theirs become markup."""
    assert answer.status_code == 422, ascii(text[:80])
    bound = answer.context[form]
    messages = bound.non_field_errors() if field is None else bound.errors.get(field)
    assert messages, ascii(text[:80])
    foreign, words = read_page(answer.content.decode())
    assert foreign == [], ascii(text[:80])
    assert str(messages[0]) in words, ascii(text[:80])
    assert str(messages[0]).isprintable(), ascii(text[:80])
    assert len(str(messages[0])) < 400, ascii(text[:80])


# The environment


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines).application


def bring_in(visitor: Client, application: Application, text: str) -> Any:
    """Paste lines, and confirm what is shown; a refusal is the answer as it stands."""
    shown: Any = post_form(
        visitor, reverse("applications:import-variables", args=[application.pk]), {"text": text}
    )
    if shown.status_code != 200:
        return shown
    assert read_page(shown.content.decode())[0] == []
    sealed = shown.context["sealed"]
    confirm = reverse("applications:confirm-import", args=[application.pk])
    return post_form(visitor, confirm, {"sealed": sealed})


@pytest.mark.parametrize("quote_mark", ["'", '"'])
def test_the_lines_of_an_environment_keep_every_value(
    visitor: Client, application: Application, quote_mark: str
) -> None:
    EnvironmentVariable.objects.all().delete()
    given = {f"GIVEN_{number}": text for number, text in enumerate(CORPUS["env_value"]) if len(text) < 3000}
    lines = []
    for name, text in given.items():
        inner = text.replace("\\", "\\\\").replace(quote_mark, "\\" + quote_mark)
        lines.append(f"{name}={quote_mark}{inner}{quote_mark}")
    answer = bring_in(visitor, application, "\r\n".join(lines))
    assert answer.status_code == 302, answer.context["import_form"].errors
    # What ends a line in a browser's text area is CR LF, and LF in what was typed.
    assert values(application) == {name: text.replace("\r\n", "\n") for name, text in given.items()}
    page = visitor.get(reverse("applications:environment", args=[application.pk])).content.decode()
    foreign, words = read_page(page)
    assert foreign == []
    assert [text for text in given.values() if len(text) > 12 and text in words] == []


def test_the_lines_of_an_environment_name_what_cannot_be_kept(
    visitor: Client, application: Application
) -> None:
    before = values(application)
    for name in [*CORPUS["env_name"], *SOME]:
        for line in (f"{name}=x", f"'{name}'=x"):
            answer = bring_in(visitor, application, line)
            if (
                answer.status_code == 302
            ):  # What dotenv's own rules leave of it is a name: spaces, export, a comment.
                made = set(values(application)) - set(before)
                assert all(each.isidentifier() and each in name for each in made), ascii(name)
                EnvironmentVariable.objects.filter(name__in=made).delete()
            else:
                refused(answer, line, form="import_form", field="text")
    assert values(application) == before


@pytest.mark.parametrize("field", ["file", "text"])
def test_what_is_exported_comes_back_byte_for_byte(
    visitor: Client, application: Application, field: str
) -> None:
    EnvironmentVariable.objects.all().delete()
    given = {f"GIVEN_{number}": text for number, text in enumerate(CORPUS["env_value"]) if len(text) < 5000}
    plain = dict.fromkeys(given, False)
    actions.set_environment(application, by=None, values=given, secret=plain)
    actions.set_environment(application, by=None, values={"HIDDEN": "canary-value"})
    page = visitor.get(reverse("applications:environment", args=[application.pk])).content.decode()
    foreign, words = read_page(page)
    assert foreign == []
    assert given["GIVEN_47"] in words
    taken = visitor.post(reverse("applications:export-variables", args=[application.pk]))
    assert (taken.status_code, taken.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    text = taken.content.decode()
    assert "# HIDDEN= (secret, not exported)\n" in text
    assert "canary-value" not in text
    actions.set_environment(application, by=None, values=dict.fromkeys(given))
    # A browser turns the line breaks of what is pasted; those of values are written out.
    sent: Any = (
        SimpleUploadedFile("bakery.env", taken.content) if field == "file" else text.replace("\n", "\r\n")
    )
    shown: Any = visitor.post(
        reverse("applications:import-variables", args=[application.pk]),
        {field: sent, "replace": "on", "guess": "on"},
    )
    assert shown.status_code == 200, shown.context["import_form"].errors
    confirm = reverse("applications:confirm-import", args=[application.pk])
    answer = visitor.post(confirm, {"sealed": shown.context["sealed"], "plain": sorted(given)})
    assert answer.status_code == 302
    assert values(application) == {**given, "HIDDEN": "canary-value"}
    flags = dict(application.environment.values_list("name", "secret"))
    assert flags == {**plain, "HIDDEN": True}


def test_editing_in_place_keeps_every_value_that_was_not_edited(
    visitor: Client, application: Application
) -> None:
    path = reverse("applications:change-variable", args=[application.pk])
    for text in CORPUS["env_value"]:
        actions.set_environment(
            application, by=None, values={"STRIPE_KEY": text}, secret={"STRIPE_KEY": False}
        )
        sent = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        answer = post_form(visitor, path, {"name": "STRIPE_KEY", "value": sent, "plain": "on"})
        assert answer.status_code == 302, ascii(text[:80])
        assert values(application) == {"STRIPE_KEY": text}


def test_one_variable_keeps_every_value(visitor: Client, application: Application) -> None:
    path = reverse("applications:change-variable", args=[application.pk])
    for text in CORPUS["env_value"]:
        assert post_form(visitor, path, {"name": "STRIPE_KEY", "value": text}).status_code == 302, ascii(
            text[:80]
        )
        assert values(application) == {"STRIPE_KEY": text.replace("\r\n", "\n")}
    for text in filter(is_unicode, CORPUS["env_value_refused"]):
        answer: Any = post_form(visitor, path, {"name": "STRIPE_KEY", "value": text})
        assert answer.status_code == 422
        assert answer.context["changed"].errors
        assert "invalid-feedback d-block" in answer.content.decode()


def test_one_variable_of_a_hostile_name_is_neither_made_nor_removed(
    visitor: Client, application: Application
) -> None:
    before = values(application)
    for name in [*CORPUS["env_name"], *SOME]:
        if name == " A" or name == "A " or name == "A\n":
            continue  # The hidden field is not typed; a space around it is no other name.
        answer: Any = post_form(
            visitor,
            reverse("applications:change-variable", args=[application.pk]),
            {"name": name, "value": "x"},
        )
        assert answer.status_code == 422, ascii(name)
        assert read_page(answer.content.decode())[0] == []
        removed = post_form(
            visitor, reverse("applications:remove-variable", args=[application.pk]), {"name": name}
        )
        assert removed.status_code == 302
    assert values(application) == before


# The answers to preflight


def test_an_answer_is_kept_byte_for_byte_or_refused_beside_its_field(visitor: Client, ines: User) -> None:
    asked = make_asking(ines)
    path = reverse("applications:answer", args=[asked.application_id])
    texts = [*CORPUS["env_value"], *CORPUS["env_value_refused"], *CORPUS["everywhere"]]
    for text in filter(is_unicode, texts):
        answer: Any = post_form(visitor, path, {"MAPS_KEY": text, "DATABASE_URL": "sqlite://"})
        kept = values(asked.application)
        if answer.status_code == 302:
            assert kept == {"MAPS_KEY": text.replace("\r\n", "\n"), "DATABASE_URL": "sqlite://"}
        else:
            assert text == "" or "\0" in text or len(text) > 30_000, ascii(text[:80])
            refused(answer, text, form="answer_form", field="MAPS_KEY")
            assert kept == {}
        Deployment.objects.filter(application=asked.application).exclude(pk=asked.pk).delete()
        EnvironmentVariable.objects.all().delete()


def test_answers_that_are_too_long_together_are_refused(visitor: Client, ines: User) -> None:
    asked = make_asking(ines)
    path = reverse("applications:answer", args=[asked.application_id])
    answer: Any = post_form(visitor, path, {"MAPS_KEY": "x" * 20_000, "DATABASE_URL": "y" * 20_000})
    refused(answer, "x", form="answer_form", field=None)
    assert values(asked.application) == {}


def test_what_a_repository_asks_for_is_a_label_and_no_markup(visitor: Client, ines: User) -> None:
    names = [text for text in CORPUS["everywhere"] if is_unicode(text) and len(text) < 1000]
    asked = make_asking(ines)
    asked.facts = {"required_environment": names, "settings_candidates": names}
    asked.findings = [
        {**asked.findings[0]},
        {**asked.findings[0], "code": "settings-module-unknown"},
    ]
    asked.save()
    page = visitor.get(asked.application.get_absolute_url()).content.decode()
    foreign, words = read_page(page)
    assert foreign == []
    assert [
        name for name in names if name.strip() and "\r" not in name and "\0" not in name and name not in words
    ] == []
    path = reverse("applications:answer", args=[asked.application_id])
    answer: Any = post_form(visitor, path, {**dict.fromkeys(names, "x"), "DJANGO_SETTINGS_MODULE": names[0]})
    assert answer.status_code == 422
    # The module is one of the candidates, and no environment can hold it: its name has a NUL.
    assert set(answer.context["answer_form"].errors) == {*names, "DJANGO_SETTINGS_MODULE"}
    assert read_page(answer.content.decode())[0] == []


# Around an application


def test_another_text_than_the_name_ends_nothing(visitor: Client, application: Application) -> None:
    path = reverse("applications:terminate", args=[application.pk])
    for text in [*CORPUS["everywhere"], *CORPUS["name"], "BAKERY", "bakery\0", "b\u0430kery", "bakery\u200b"]:
        refused(post_form(visitor, path, {"name": text}), text, form="form", field="name")
    application.refresh_from_db()
    assert application.terminate_requested_at is None


@pytest.mark.parametrize("name", ["q", "state", "page"])
def test_search_filter_and_page_take_anything(visitor: Client, application: Application, name: str) -> None:
    addresses = [reverse("applications:list")]
    if name == "page":
        addresses += [
            reverse(f"applications:{each}", args=[application.pk]) for each in ("deployments", "events")
        ]
    for text in dict.fromkeys(
        CORPUS["text"] + CORPUS["everywhere"] if name == "q" else CORPUS["page"] + SOME
    ):
        for address in addresses:
            query = quote(text[:4000].encode("utf-8", "surrogatepass"))
            answer = visitor.get(f"{address}?{name}={query}")
            assert answer.status_code == 200, ascii(text)
            foreign, words = read_page(answer.content.decode())
            assert foreign == [], ascii(text)
            if name == "q" and is_unicode(text) and len(text) < 200 and "\0" not in text:
                assert text.strip().replace("\r\n", "\n").replace("\r", "\n") in words.replace(
                    "\r\n", "\n"
                ).replace("\r", "\n"), ascii(text)


def test_headers_of_a_request_change_no_page(visitor: Client) -> None:
    names = (
        "x-forwarded-host",
        "x-forwarded-for",
        "x-request-id",
        "referer",
        "user-agent",
        "if-none-match",
        "hx-target",
    )
    for text in filter(str.isprintable, CORPUS["everywhere"] + CORPUS["text"]):
        value = text.encode().decode("latin-1")[:4000]
        answer = visitor.get(reverse("applications:list"), headers=dict.fromkeys(names, value))
        assert answer.status_code == 200, ascii(text)
        assert read_page(answer.content.decode())[0] == [], ascii(text)
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["X-Request-ID"]), ascii(text)
        assert visitor.get(reverse("applications:list"), headers={"host": value}).status_code in (200, 400)


# People


def sign_up(client: Client, **fields: str) -> Any:
    data = {"username": "ana", "email": "ana@example.com", "password1": PASSWORD, "password2": PASSWORD}
    return post_form(client, reverse("account_signup"), data | fields)


@pytest.mark.parametrize("field", ["username", "email"])
def test_signing_up_refuses_it_beside_its_field(
    client: Client, db: None, settings: Settings, field: str
) -> None:
    settings.SIGN_UP = True
    settings.ACCOUNT_RATE_LIMITS = False
    names = re.compile(r"[\w.@+-]+")
    foreign = [text for text in CORPUS["everywhere"] if field == "email" or not names.fullmatch(text)]
    for text in dict.fromkeys([*CORPUS[field], *foreign]):
        answer = sign_up(client, **{field: text})
        assert answer.status_code == 200, ascii(text[:80])
        assert answer.context["form"].errors.get(field), ascii(text[:80])
        assert read_page(answer.content.decode())[0] == [], ascii(text[:80])
    assert not User.objects.exists()
    assert mail.outbox == []


def test_signing_up_takes_sound_names_and_writes_one_letter(
    client: Client, db: None, settings: Settings
) -> None:
    settings.SIGN_UP = True
    settings.ACCOUNT_RATE_LIMITS = False
    for number, name in enumerate(CORPUS["valid_username"]):
        assert sign_up(Client(), username=name, email=f"a{number}@example.com").status_code == 302
        assert User.objects.get(email=f"a{number}@example.com").username == name


def test_signing_in_with_anything_is_no_error_of_the_portals(
    client: Client, ines: User, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = False
    for text in dict.fromkeys(SOME + CORPUS["username"] + CORPUS["email"]):
        for fields in ({"login": text, "password": PASSWORD}, {"login": "ines", "password": text}):
            answer: Any = post_form(client, reverse("account_login"), fields)
            assert answer.status_code == 200, ascii(text[:80])
            assert read_page(answer.content.decode())[0] == []
        nowhere = quote(text[:2000].encode("utf-8", "surrogatepass"))
        assert client.get(f"{reverse('account_login')}?next={nowhere}").status_code == 200


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "javascript:canary()", "/\\evil.example"]
)
def test_signing_in_leads_to_nobody_else(client: Client, ines: User, path: str) -> None:
    data = {"login": "ines", "password": "correct horse battery", "next": path}
    answer = post_form(client, reverse("account_login"), data)
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("applications:list")


def test_a_time_zone_is_one_of_the_list(visitor: Client, ines: User) -> None:
    for text in dict.fromkeys(CORPUS["time_zone"] + SOME[:3]):
        refused(
            post_form(visitor, reverse("profile"), {"time_zone": text}), text, form="form", field="time_zone"
        )
    ines.refresh_from_db()
    assert ines.time_zone == "UTC"


def test_a_tokens_name_is_shown_as_it_is_or_refused(visitor: Client, ines: User) -> None:
    for text in dict.fromkeys(CORPUS["text"] + CORPUS["text_refused"] + CORPUS["everywhere"]):
        answer: Any = post_form(visitor, reverse("tokens:list"), {"name": text, "days": "7"})
        if answer.status_code == 422:
            refused(answer, text, form="form", field="name")
            assert text in CORPUS["text_refused"] or text not in CORPUS["text"] or len(text) > 63
        else:
            assert answer.status_code == 201
            assert text not in CORPUS["text_refused"]
            foreign, words = read_page(answer.content.decode())
            assert foreign == []
            name = ApiToken.objects.latest("pk").name
            if is_unicode(text):
                assert name == text.strip()
            assert name.replace("\r", "") in words.replace("\r", "")
        ApiToken.objects.all().delete()
    for days in ("0", "-1", "8", "1e9", "", "7 OR 1=1", "\u0667"):
        refused(
            post_form(visitor, reverse("tokens:list"), {"name": "a", "days": days}),
            days,
            form="form",
            field="days",
        )


# What programs send around


def test_a_key_that_is_no_key_is_refused(program: Client, ines: User) -> None:
    application = make_live(ines).application
    printable = [text for text in CORPUS["everywhere"] if text.isascii() and not {" ", "\n"} & set(text)]
    visible = [text for text in printable if len(text) < 256 and text.isprintable()]
    for path in ("deployments", "cancel", "terminate"):
        address = f"/api/v1/applications/{application.pk}/{path}"
        for text in CORPUS["idempotency_key"]:
            answer = program.post(address, headers={"Idempotency-Key": text.encode().decode("latin-1")})
            assert answer.status_code == 422, ascii(text)
            assert "Idempotency-Key" in answer.json()["errors"]
    for text in visible:
        address = f"/api/v1/applications/{application.pk}/deployments"
        first, again = (program.post(address, headers={"Idempotency-Key": text}) for _ in range(2))
        assert (first.status_code, again.content) == (202, first.content), ascii(text)
        Deployment.objects.filter(pk=first.json()["id"]).update(state="cancelled")


def test_a_cursor_that_was_not_given_out_is_refused(program: Client, ines: User) -> None:
    application = make_live(ines).application
    for address in ("/api/v1/applications", f"/api/v1/applications/{application.pk}/deployments"):
        for text in dict.fromkeys(CORPUS["cursor"] + CORPUS["everywhere"]):
            answer = program.get(f"{address}?cursor={quote(text[:8000].encode('utf-8', 'surrogatepass'))}")
            assert answer.status_code == 422, ascii(text[:80])
            assert list(answer.json()["errors"]) == ["cursor"]
        for text in CORPUS["api_number"]:
            answer = program.get(f"{address}?limit={quote(text)}")
            assert (answer.status_code, list(answer.json().get("errors", {}))) == (422, ["limit"]), text


def test_parameters_of_a_list_and_a_log_are_judged_by_their_names(program: Client, ines: User) -> None:
    deployment = make_live(ines)
    log = f"/api/v1/deployments/{deployment.pk}/steps/install/log"
    for text in dict.fromkeys(CORPUS["everywhere"]):
        value = quote(text[:4000].encode("utf-8", "surrogatepass"))
        for address, name in (("/api/v1/applications", "status"), (log, "offset")):
            answer = program.get(f"{address}?{name}={value}")
            assert (answer.status_code, list(answer.json()["errors"])) == (422, [name]), ascii(text)
        unknown = program.get(f"/api/v1/applications?{value}=1")
        assert unknown.status_code == 422, ascii(text)
        assert program.get(f"/api/v1/deployments/{deployment.pk}/steps/{value}/log").status_code == 404
        assert program.get(f"/api/v1/applications/{value}").status_code == 404
    for token in filter(str.isprintable, CORPUS["everywhere"]):
        header = {"authorization": f"Bearer {token.encode().decode('latin-1')}"}
        assert Client().get("/api/v1/limits", headers=header).status_code == 401, ascii(token)
    json.dumps(program.get(log).json())

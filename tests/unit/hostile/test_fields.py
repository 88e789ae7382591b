"""Hostile strings in every field of a new application: refused beside the field, or taken as they are."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.applications.models import Application

from .corpus import CORPUS, against, is_unicode, post_form, read_page

pytestmark = pytest.mark.django_db
LEAST = {"project_name": "shop", "github_url": "https://github.com/example/shop"}
FORM = {**LEAST, "name": "one", "instance_type": "t3.micro", "health_path": "/"}
FIELDS = ("project_name", "github_url", "branch", "health_path", "name", "instance_type")
#: Left empty these have a meaning: the default branch, the project's name.
EMPTY = {("branch", ""), ("health_path", ""), ("name", "")}
NEW = "/api/v1/applications"
#: Longer than a message may quote.
QUOTED = 100


def post(program: Client, **data: Any) -> tuple[int, dict[str, Any]]:
    answer = program.post(NEW, json.dumps({**LEAST, **data}), content_type="application/json")
    return answer.status_code, answer.json()


@pytest.mark.parametrize("field", FIELDS)
def test_the_page_refuses_it_beside_its_field(visitor: Client, field: str) -> None:
    for text in against(field):
        if (field, text) in EMPTY:
            continue
        answer: Any = post_form(visitor, reverse("applications:new"), {**FORM, field: text})
        assert answer.status_code == 422, (text, answer.headers)
        messages = answer.context["form"].errors.get(field)
        assert messages, text
        foreign, words = read_page(answer.content.decode())
        assert foreign == [], text
        assert str(messages[0]) in words, text
        assert len(str(messages[0])) < 3 * QUOTED, text
        assert str(messages[0]).isprintable(), text
    assert not Application.objects.exists()


@pytest.mark.parametrize("field", FIELDS)
def test_the_api_refuses_it_by_its_name(program: Client, field: str) -> None:
    for text in against(field):
        if (field, text) in EMPTY or (field, text) == ("instance_type", ""):
            continue
        code, problem = post(program, **{field: text})
        assert code == 422, (text, problem)
        assert problem["errors"].get(field), (text, problem)
    assert not Application.objects.exists()


@pytest.mark.parametrize("value", [None, 1, True, 1.5, [], {}, ["shop"], {"$ne": 1}], ids=repr)
@pytest.mark.parametrize("field", [*FIELDS, "description", "environment"])
def test_another_type_is_refused_by_its_name(program: Client, field: str, value: Any) -> None:
    if (field, value) == ("environment", {}):
        return
    code, problem = post(program, **{field: value})
    assert code == 422, problem
    assert problem["errors"].get(field)


@pytest.mark.parametrize(
    "body", ["", "null", "0", "[]", "{", "[" * 100_000, '{"a":' * 50_000, "{'a': 1}", "\x00"]
)
def test_a_body_that_is_no_object_is_refused(program: Client, body: str) -> None:
    answer = program.post(NEW, body, content_type="application/json")
    assert answer.status_code in (400, 422), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("field", [field for field in CORPUS if field.startswith("valid_")])
def test_what_is_sound_is_taken(program: Client, field: str) -> None:
    """A validator that refuses everything would pass the others."""
    name = field.removeprefix("valid_")
    for number, text in enumerate(CORPUS[field]):
        if name == "username":
            continue
        data = {"environment": {text: "x"}} if name == "env_name" else {"name": f"n{number}", name: text}
        code, shown = post(program, **data)
        assert code == 201, (text, shown)


def test_a_name_of_a_variable_is_refused(program: Client) -> None:
    for name in against("env_name"):
        code, problem = post(program, environment={name: "x"})
        assert code == 422, (name, problem)
        assert problem["errors"].get("environment"), name
    assert not Application.objects.exists()


def test_a_value_is_kept_byte_for_byte_and_told_to_nobody(program: Client) -> None:
    values = {
        f"GIVEN_{number}": value for number, value in enumerate(CORPUS["env_value"]) if len(value) < 3000
    }
    code, shown = post(program, environment=values)
    assert code == 201, shown
    assert dict(Application.objects.get().environment.values_list("name", "value")) == values
    told = json.dumps(shown, ensure_ascii=False)
    assert [value for value in values.values() if len(value) > 8 and value in told] == []


@pytest.mark.parametrize("value", CORPUS["env_value_refused"], ids=lambda value: ascii(value[:8]))
def test_a_value_that_no_environment_holds_is_refused(program: Client, value: str) -> None:
    code, problem = post(program, environment={"GIVEN": value})
    assert code == 422
    assert problem["errors"].get("environment"), problem


def test_free_text_is_kept_as_it_is_or_refused_beside_its_field(visitor: Client, program: Client) -> None:
    refused = CORPUS["text_refused"]
    texts = [*CORPUS["text"], *refused, *CORPUS["everywhere"]]
    for number, text in enumerate(dict.fromkeys(texts)):
        code, shown = post(program, name=f"api{number}", description=text)
        assert code in (201, 422), shown
        assert code == 422 or text not in refused, ascii(text)
        assert code == 201 or text not in CORPUS["text"], ascii(text)
        if code == 201:
            assert (shown["description"], Application.objects.get(pk=shown["id"]).description) == (text, text)
        else:
            assert shown["errors"].get("description"), shown
        if is_unicode(text):
            answer: Any = post_form(
                visitor, reverse("applications:new"), {**FORM, "name": f"page{number}", "description": text}
            )
            assert answer.status_code == (302 if code == 201 else 422), ascii(text)
            kept = list(
                Application.objects.filter(name=f"page{number}").values_list("description", flat=True)
            )
            assert kept == ([text] if code == 201 else []), ascii(text)

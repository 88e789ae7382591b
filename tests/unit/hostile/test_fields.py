"""Hostile strings in every field of page and API: refused beside the field, or taken as they are."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application

from tests.portal_records import make_person

pytestmark = pytest.mark.django_db
LEAST = {"project_name": "shop", "github_url": "https://github.com/example/shop"}
NEW = "/api/v1/applications"


def expanded(text: str) -> str:
    return re.sub(r"@@repeat:(.):(\d+)@@", lambda found: found[1] * int(found[2]), text)


CORPUS: dict[str, list[str]] = {
    field: [expanded(text) for text in texts]
    for field, texts in json.loads((Path(__file__).parent / "corpus.json").read_text()).items()
}
REFUSED = [
    (field, text)
    for field in ("project_name", "github_url", "branch", "health_path")
    for text in CORPUS[field]
]


@pytest.fixture
def ines() -> User:
    return make_person("ines")


@pytest.fixture
def program(ines: User) -> Client:
    _, secret = tokens.create(ines, name="program", days=1)
    return Client(headers={"authorization": f"Bearer {secret}"})


def post(program: Client, **data: Any) -> tuple[int, dict[str, Any]]:
    answer = program.post(NEW, json.dumps({**LEAST, **data}), content_type="application/json")
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("field", "text"), REFUSED)
def test_the_page_refuses_it_beside_its_field(client: Client, ines: User, field: str, text: str) -> None:
    client.force_login(ines)
    data = {**LEAST, "name": "one", "instance_type": "t3.micro", "health_path": "/", field: text}
    answer = client.post(reverse("applications:new"), data)
    assert answer.status_code == 422, answer.headers
    assert field in answer.context["form"].errors
    assert not Application.objects.exists()


@pytest.mark.parametrize(("field", "text"), REFUSED)
def test_the_api_refuses_it_by_its_name(program: Client, field: str, text: str) -> None:
    code, problem = post(program, **{field: text})
    assert code == 422, problem
    assert field in json.dumps(problem)
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (field.removeprefix("valid_"), text)
        for field in CORPUS
        if field.startswith("valid_")
        for text in CORPUS[field]
    ],
)
def test_what_is_sound_is_taken(program: Client, field: str, text: str) -> None:
    """A validator that refuses everything would pass the others."""
    data = {"environment": {text: "x"}} if field == "env_name" else {field: text}
    code, shown = post(program, **data)
    assert code == 201, shown


@pytest.mark.parametrize("name", CORPUS["env_name"])
def test_a_name_of_a_variable_is_refused(program: Client, name: str) -> None:
    code, problem = post(program, environment={name: "x"})
    assert code == 422, problem
    assert not Application.objects.exists()


@pytest.mark.parametrize("value", CORPUS["env_value"])
def test_a_value_is_kept_byte_for_byte_and_told_to_nobody(program: Client, value: str) -> None:
    code, shown = post(program, environment={"GIVEN": value})
    assert code == 201, shown
    assert Application.objects.get().environment.get().value == value
    if len(value) > 8:
        assert value not in json.dumps(shown, ensure_ascii=False)


@pytest.mark.parametrize("text", CORPUS["text"])
def test_free_text_is_text(client: Client, program: Client, ines: User, text: str) -> None:
    code, shown = post(program, description=text)
    assert code in (201, 422), shown
    client.force_login(ines)
    listed = reverse("applications:list")
    pages = [listed, *(f"{listed}?{urlencode({name: text})}" for name in ("q", "state", "page"))]
    pages += [application.get_absolute_url() for application in Application.objects.all()]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        body = answer.content.decode()
        for raw in ("<script>alert", "onerror=alert(1)>", ">49<"):
            assert raw not in body
    for header in ("host", "x-forwarded-host", "x-request-id", "referer", "user-agent", "if-none-match"):
        value = text.encode("ascii", "ignore").decode().replace("\x07", "").replace("\x1b", "")
        assert client.get(pages[0], headers={header: value}).status_code in (200, 400)

"""The OpenAPI document, its page, and problems that no endpoint answers."""

from html import unescape

import pytest
from django.test import Client
from ecdeployer.accounts import limits
from openapi_spec_validator import OpenAPIV31SpecValidator

ROOT = "/api/v1"


def test_the_document_is_one_and_anybody_may_read_it(client: Client, db: None) -> None:
    document = client.get(f"{ROOT}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    problem = document["paths"][f"{ROOT}/limits"]["get"]["responses"]["401"]["content"]
    assert list(problem) == ["application/problem+json"]


def test_a_key_is_described_where_it_may_be_sent_and_only_there(client: Client, db: None) -> None:
    paths = client.get(f"{ROOT}/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            may = method == "post" or (method == "patch" and not path.endswith(("/webhook", "/alerts")))
            has_key = "Idempotency-Key" in [each["name"] for each in operation["parameters"]]
            assert has_key == may
            told = operation["responses"].get("422", {}).get("description", "")
            assert ("Idempotency-Key" in told) == has_key


def test_the_page_tells_all_of_it(client: Client, db: None) -> None:
    document = client.get(f"{ROOT}/openapi.json").json()
    answer = client.get(f"{ROOT}/docs")
    page = unescape(answer.content.decode())
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"{method.upper()} {path}" in page
            assert operation["description"] in page
    for name, schema in document["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert f'<h2 id="{name}">' in page
            assert f"<code>{field}</code>" in page
    for kind in (
        "list of ApplicationRecord",
        "InstanceRecord or null",
        "object of string",
        "one of pending,",
    ):
        assert kind in page


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 404, "not-found"),
        ("/nothing", 404, "not-found"),
        ("/applications/", 404, "not-found"),
        ("/applications/not-a-uuid", 404, "not-found"),
        ("/applications/00000000-0000-0000-0000-000000000000", 404, "not-found"),
    ],
)
def test_an_address_where_nothing_is_has_a_problem(
    program: Client, path: str, status: int, kind: str
) -> None:
    answer = program.get(ROOT + path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["type"].endswith(f"/api/v1/docs#{kind}")
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_wrong_method_has_a_problem_that_names_the_right_ones(program: Client) -> None:
    answer = program.delete(f"{ROOT}/limits")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert answer.json()["title"] == "Not with this method"


def test_a_request_for_another_host_has_a_problem(program: Client) -> None:
    answer = program.get(f"{ROOT}/limits", headers={"host": "elsewhere.example.com"})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("#unreadable")


def test_a_defect_has_a_problem_that_tells_nothing_of_it(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("sk_live_1")

    monkeypatch.setattr(limits, "of", fail)
    answer = program.get(f"{ROOT}/limits")
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("#defect")
    assert b"sk_live_1" not in answer.content


def test_pages_keep_their_own_errors(client: Client, db: None) -> None:
    assert client.get("/nothing").headers["Content-Type"].startswith("text/html")

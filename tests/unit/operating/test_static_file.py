"""Static files of another release than this machine's, which the portal reads from the bucket of all."""

import io
from collections.abc import Iterator

import pytest
from botocore.response import StreamingBody
from django.test import Client
from ecdeployer.aws.session import AWS
from ecdeployer.operating import views
from pytest_django import DjangoAssertNumQueries, Settings

from tests.aws_stubs import Stub, forget_credentials, stubbed

NAME = "portal/base.0123456789ab.css"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Stub]:
    forget_credentials(monkeypatch)
    settings.STATIC_BUCKET = "portal-static"
    aws = AWS("eu-west-1")
    monkeypatch.setattr(views, "aws", lambda: aws)
    with stubbed(aws) as made:
        yield made


@pytest.mark.django_db
def test_it_is_handed_on_by_one_call_and_no_query(
    client: Client, stub: Stub, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answer = {"Body": StreamingBody(io.BytesIO(b"body {}"), 7), "ContentType": "text/css"}
    stub("s3").add_response("get_object", answer, {"Bucket": "portal-static", "Key": NAME})
    with django_assert_num_queries(0):
        found = client.get(f"/static/{NAME}")
    assert (found.status_code, found.content, found.headers["Content-Type"]) == (200, b"body {}", "text/css")
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert not found.cookies


def test_what_is_not_there_is_not_found(client: Client, stub: Stub) -> None:
    stub("s3").add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert client.get(f"/static/{NAME}").status_code == 404


def test_a_bucket_that_does_not_answer_is_no_missing_file(client: Client, stub: Stub) -> None:
    """A 404 may be kept; this one is asked for again."""
    stub("s3").add_client_error("get_object", "AccessDenied", http_status_code=403)
    found = client.get(f"/static/{NAME}")
    assert found.status_code == 503
    assert found.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "name", ["portal/base.css", "portal/base.0123456789AB.css", "../backups/a.dump", "staticfiles.json", "a/"]
)
def test_s3_is_asked_for_names_with_a_hash_alone(client: Client, stub: Stub, name: str) -> None:
    stub("s3")
    assert client.get(f"/static/{name}").status_code == 404


def test_without_a_bucket_there_is_nothing_else(client: Client, stub: Stub, settings: Settings) -> None:
    settings.STATIC_BUCKET = ""
    stub("s3")
    assert client.get(f"/static/{NAME}").status_code == 404


def test_nobody_writes_there(client: Client, stub: Stub) -> None:
    assert client.post(f"/static/{NAME}").status_code == 405

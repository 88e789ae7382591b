"""Static files of another release than this machine's, which the portal reads from the bucket of all."""

import io
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from botocore.response import StreamingBody
from django.contrib.staticfiles.finders import get_finders
from django.test import Client
from ecdeployer.aws import s3
from ecdeployer.aws.session import AWS
from ecdeployer.operating import views
from pytest_django import DjangoAssertNumQueries, Settings

from infrastructure import static_files
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Mock:
    settings.STATIC_BUCKET = "portal-static"
    read = Mock(return_value=None)
    monkeypatch.setattr(s3, "read", read)
    return read


@pytest.mark.django_db
def test_it_is_handed_on_by_one_call_and_no_query(
    client: Client, stub: Stub, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answer = {"Body": StreamingBody(io.BytesIO(b"body {}"), 7), "ContentType": "text/css"}
    stub("quick_s3").add_response("get_object", answer, {"Bucket": "portal-static", "Key": NAME})
    with django_assert_num_queries(0):
        found = client.get(f"/static/{NAME}")
    assert (found.status_code, found.content, found.headers["Content-Type"]) == (200, b"body {}", "text/css")
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert not found.cookies


def test_what_is_not_there_is_not_found(client: Client, stub: Stub) -> None:
    stub("quick_s3").add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert client.get(f"/static/{NAME}").status_code == 404


def test_what_s3_refuses_is_not_found_for_this_once(
    client: Client, stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors of the portal's own end a deployment: nobody may make them by asking."""
    stub("quick_s3").add_client_error("get_object", "AccessDenied", "no such role", http_status_code=403)
    found = client.get(f"/static/{NAME}")
    assert (found.status_code, found.headers["Cache-Control"]) == (404, "private, no-store")
    assert "no such role" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "portal/base.css",
        "portal/base.0123456789AB.css",
        "../backups/a.0123456789ab.dump",
        "a/%00.0123456789ab.css",
        "a/%0a.0123456789ab.css",
        f"{NAME}%0a",
        f"{'a' * 1200}.0123456789ab.css",
        f"{'a/' * 600}a.0123456789ab.css",
        f"é/{NAME}",
        "staticfiles.json",
        "a/",
    ],
)
def test_s3_is_asked_for_names_with_a_hash_alone(client: Client, asked: Mock, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404
    asked.assert_not_called()


def test_without_a_bucket_there_is_nothing_else(client: Client, asked: Mock, settings: Settings) -> None:
    settings.STATIC_BUCKET = ""
    assert client.get(f"/static/{NAME}").status_code == 404
    asked.assert_not_called()


def test_nobody_writes_there(client: Client, stub: Stub) -> None:
    assert client.post(f"/static/{NAME}").status_code == 405


def test_every_file_of_ours_has_a_name_that_is_asked_for() -> None:
    """With its hash, as the pipeline puts it into the bucket."""
    names = [name for finder in get_finders() for name, _ in finder.list([])]
    parts = [Path(name) for name in names if Path(name).suffix]
    hashed = [path.with_suffix(f".0123456789ab{path.suffix}").as_posix() for path in parts]
    assert len(hashed) > 100
    assert [name for name in hashed if not views._HASHED.fullmatch(name)] == []
    assert [name for name in hashed if not static_files.HASHED.search(name)] == []

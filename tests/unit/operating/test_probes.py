"""What load balancers ask, and what operators measure."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.aws import sts
from ecdeployer.aws.errors import AWSError
from ecdeployer.operating import readiness
from ecdeployer.operating.models import Heartbeat
from ecdeployer.operating.tasks import beat
from pytest_django import DjangoAssertNumQueries, Settings

from tests import portal_records as records

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mock]:
    asked = Mock(return_value="123456789012")
    monkeypatch.setattr(sts, "account", asked)
    readiness._asked_aws.clear()
    yield asked
    readiness._asked_aws.clear()


def ready(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz", headers={"host": "10.0.0.7"})
    return answer.status_code, {name: part["state"] for name, part in answer.json()["parts"].items()}


def test_a_process_that_answers_is_healthy_whatever_the_host(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz", headers={"host": "10.0.0.7"})
    assert (answer.status_code, answer.json()) == (200, {"state": "ok"})


def test_a_portal_is_ready_when_all_that_it_needs_answers(client: Client, account: Mock) -> None:
    beat()
    assert ready(client) == (200, dict.fromkeys(("database", "redis", "aws", "worker"), "ok"))
    ready(client)
    account.assert_called_once()


def test_a_worker_that_stands_still_is_not_ready(client: Client) -> None:
    assert ready(client) == (
        503,
        {"database": "ok", "redis": "ok", "aws": "ok", "worker": "no task went round yet"},
    )
    Heartbeat.objects.create(at=timezone.now() - timedelta(seconds=70))
    assert ready(client)[1]["worker"] == "no task went round for a minute"
    beat()
    assert ready(client)[0] == 200


def test_what_exactly_is_wrong_is_for_the_log_alone(
    client: Client, account: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    beat()
    account.side_effect = AWSError(code="ExpiredToken", message="token 12345", kind="credentials")
    code, parts = ready(client)
    assert (code, parts["aws"]) == (503, "credentials")
    assert "12345" not in client.get("/readyz").content.decode()
    assert "ExpiredToken" in caplog.text


def test_an_error_that_nobody_foresaw_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    beat()
    monkeypatch.setattr(readiness, "MigrationExecutor", Mock(side_effect=OSError("no route to db.internal")))
    answer = client.get("/readyz")
    assert answer.json()["parts"]["database"]["state"] == "failing"
    assert "db.internal" not in answer.content.decode()


def test_metrics_are_for_operators(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = "t" * 20
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"authorization": f"Bearer {'t' * 20}"}).status_code == 200
    settings.METRICS_TOKEN = ""
    client.force_login(User.objects.create(username="person"))
    assert client.get("/metrics").status_code == 404
    client.force_login(User.objects.create(username="operator", is_staff=True))
    assert client.get("/metrics").status_code == 200


def test_metrics_tell_what_the_records_say(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.METRICS_TOKEN = "t" * 20
    owner = User.objects.create(username="owner")
    records.make_live(owner)
    records.make_queued(owner)
    records.make_failed(owner)
    beat()
    with django_assert_num_queries(8):
        text = client.get("/metrics", headers={"authorization": f"Bearer {'t' * 20}"}).content.decode()
    assert 'ecdeployer_deployments{state="queued"} 1.0' in text
    assert 'ecdeployer_instances{state="running"}' in text
    assert "ecdeployer_heartbeat_seconds 0." in text
    assert "ecdeployer_launches_held 0.0" in text


def test_what_never_happened_has_no_age(client: Client) -> None:
    client.force_login(User.objects.create(username="operator", is_staff=True))
    text = client.get("/metrics").content.decode()
    assert "\necdeployer_heartbeat_seconds " not in text
    assert "\necdeployer_reconcile_seconds " not in text
    assert "\necdeployer_queue_seconds 0.0" in text


def test_a_request_has_an_id_that_nobody_can_forge_a_line_with(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"x-request-id": "abc-1.2"})["X-Request-ID"] == "abc-1.2"
    made = client.get("/accounts/login/", headers={"x-request-id": "a b<script>"})["X-Request-ID"]
    assert len(made) == 32

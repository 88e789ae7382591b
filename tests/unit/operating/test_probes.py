"""What load balancers ask."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone
from ecdeployer.aws.errors import AWSError
from ecdeployer.operating import readiness
from ecdeployer.operating.models import Heartbeat
from ecdeployer.operating.tasks import beat
from pytest_django import DjangoAssertNumQueries

from .conftest import forget

# The parts are asked in threads, which see what is committed alone.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("account")]


def ready(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz", headers={"host": "10.0.0.7"})
    return answer.status_code, {name: part["state"] for name, part in answer.json()["parts"].items()}


def test_a_process_that_answers_is_healthy_whatever_the_host(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz", headers={"host": "10.0.0.7"})
    assert (answer.status_code, answer.json()) == (200, {"state": "ok"})


def test_a_portal_is_ready_when_all_that_it_needs_answers(client: Client) -> None:
    beat()
    assert ready(client) == (200, dict.fromkeys(("database", "redis", "aws", "worker"), "ok"))


@pytest.mark.parametrize(("refusal", "holds"), [(None, 30), (AWSError(code="x", message=""), 5)])
def test_aws_is_asked_once_in_a_while(
    client: Client, account: Mock, monkeypatch: pytest.MonkeyPatch, refusal: AWSError | None, holds: int
) -> None:
    clock = Mock(return_value=1000.0)
    monkeypatch.setattr(readiness, "_now", clock)
    account.side_effect = refusal
    for seconds, calls in ((0, 1), (holds / 2, 1), (holds - 0.1, 1), (holds, 2), (holds * 2 - 0.1, 2)):
        clock.return_value = 1000.0 + seconds
        for _ in range(3):
            ready(client)
        assert account.call_count == calls, seconds


def test_a_part_that_hangs_holds_no_probe_up_and_is_asked_once(
    client: Client, account: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat()
    hangs = 60
    asked, answered = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        asked.set()
        answered.wait(hangs)

    account.side_effect = hang
    monkeypatch.setattr(readiness, "_now", lambda: 1000.0)  # answers hold while the clock stands
    for part in [check.begin() for check in readiness.CHECKS if check.name != "aws"]:
        assert part.result(hangs).is_ok
    monkeypatch.setattr(readiness, "LIMIT", 0.3)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as probes:
        found = list(probes.map(lambda _: readiness.read_parts(), range(8)))
    assert time.monotonic() - began < 3
    for parts in found:
        assert {part.name: part.state for part in parts} == {
            "database": "ok",
            "redis": "ok",
            "aws": "no answer in time",
            "worker": "ok",
        }
    assert asked.wait(hangs)
    answered.set()
    monkeypatch.setattr(readiness, "LIMIT", hangs)
    assert ready(client)[0] == 200
    account.assert_called_once()


def test_a_worker_that_stands_still_is_not_ready(client: Client) -> None:
    assert ready(client) == (
        503,
        {"database": "ok", "redis": "ok", "aws": "ok", "worker": "no task went round yet"},
    )
    Heartbeat.objects.create(at=timezone.now() - timedelta(seconds=70))
    forget()
    assert ready(client)[1]["worker"] == "no task went round for a minute"
    forget()
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


def test_a_request_has_an_id_that_nobody_can_forge_a_line_with(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"x-request-id": "abc-1.2"})["X-Request-ID"] == "abc-1.2"
    made = client.get("/accounts/login/", headers={"x-request-id": "a b<script>"})["X-Request-ID"]
    assert len(made) == 32

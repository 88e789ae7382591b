"""Every line of a task and of a request says what it is about."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import tokens
from ecdeployer.applications import views as application_views
from ecdeployer.deployments import provisioning, reports, tasks
from ecdeployer.deployments import views as deployment_views
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances import termination
from ecdeployer.instances.tasks import terminate_instance
from ecdeployer.operating.tasks import beat

from ecdeployer import logs
from tests.portal_records import make_live, make_person, make_queued

pytestmark = pytest.mark.django_db
Lines = Callable[[], list[dict[str, Any]]]
REQUEST = "a-request-1"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What has been logged since the last look, by anybody, as operators get it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLine("{levelname}{name}{message}", style="{"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in written.getvalue().splitlines()]
        written.seek(0)
        written.truncate()
        return found

    yield read
    root.removeHandler(handler)
    root.setLevel(level)


def unforeseen(*_: object, **__: object) -> None:
    logging.getLogger("room").warning("about to fail")
    raise RuntimeError("https://me:opensesame@host/")


@pytest.fixture
def deployment() -> Deployment:
    return make_queued(make_person("ines"))


def test_a_task_that_works_on_a_deployment(
    lines: Lines, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "_work", unforeseen)
    monkeypatch.setattr(tasks.advance, "apply_async", Mock())
    tasks.advance.apply((str(deployment.pk),), task_id="t-1")
    found = lines()
    assert {line["name"] for line in found} >= {
        "room",
        "ecdeployer.deployments.provisioning",
        "celery.app.trace",
    }
    for line in found:
        assert (line["task"], line["task_name"]) == ("t-1", "ecdeployer.deployments.tasks.advance")
        assert "opensesame" not in json.dumps(line)
    for line in found:
        if line["name"] != "celery.app.trace":
            assert (line["deployment"], line["instance"]) == (str(deployment.pk), str(deployment.instance_id))


def test_a_task_that_fails(lines: Lines, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "terminate", unforeseen)
    terminate_instance.apply((str(deployment.instance_id),), task_id="t-2")
    found = lines()
    assert {line["name"] for line in found} == {"room", "celery.app.trace"}
    assert {line["task"] for line in found} == {"t-2"}
    assert found[0]["instance"] == str(deployment.instance_id)
    assert "opensesame" not in json.dumps(found)
    assert "Traceback" in json.dumps(found)


def test_a_task_leaves_nothing_on_the_lines_of_the_next(lines: Lines) -> None:
    beat.apply(task_id="t-3")
    logging.getLogger("room").warning("after")
    assert "task" not in lines()[-1]


@pytest.mark.parametrize("room", ["application", "deployment"])
def test_a_request_for_a_page(
    client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    deployment = make_live(make_person("ines"))
    owner = deployment.application.owner
    client.force_login(owner)
    client.raise_request_exception = False
    monkeypatch.setattr(application_views, "read_overview", unforeseen)
    monkeypatch.setattr(deployment_views, "read_progress", unforeseen)
    pk = deployment.application_id if room == "application" else deployment.pk
    assert (
        client.get(reverse(f"{room}s:detail", args=[pk]), headers={"X-Request-ID": REQUEST}).status_code
        == 500
    )
    found = lines()
    assert {line["name"] for line in found} == {"room", "django.request"}
    for line in found:
        assert (line["request"], line["user"], line[room]) == (REQUEST, str(owner.pk), str(pk))
        assert "opensesame" not in json.dumps(line)
        assert owner.email not in json.dumps(line)


def test_a_request_of_a_program(client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = make_live(make_person("ines"))
    _, secret = tokens.create(deployment.application.owner, name="ci", days=1)
    client.raise_request_exception = False
    monkeypatch.setattr("ecdeployer.api.application_routes.find", unforeseen)
    client.get(
        f"/api/v1/applications/{deployment.application_id}",
        headers={"Authorization": f"Bearer {secret}", "X-Request-ID": REQUEST},
    )
    found = lines()
    assert {line["name"] for line in found} >= {"room", "django.request"}
    for line in found:
        ids = (line["request"], line["user"], line["application"])
        assert ids == (REQUEST, str(deployment.application.owner_id), str(deployment.application_id))
        assert secret not in json.dumps(line)


def test_a_report_of_a_machine(
    client: Client, lines: Lines, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "authenticate", unforeseen)
    client.raise_request_exception = False
    client.post(reverse("reports:receive", args=[deployment.pk]), headers={"X-Request-ID": REQUEST})
    for line in lines():
        assert (line["request"], line["deployment"]) == (REQUEST, str(deployment.pk))

"""What operators measure: the records, and what requests, tasks and calls to AWS did."""

import os
import subprocess
import sys
import uuid
from pathlib import Path
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.aws import sts
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances.tasks import terminate_instance
from ecdeployer.operating import measures
from ecdeployer.operating.tasks import beat
from pytest_django import DjangoAssertNumQueries, Settings

from tests import portal_records as records

pytestmark = pytest.mark.django_db


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


def values(name: str) -> dict[tuple[str, ...], float]:
    """What this process has counted, by the labels' values in the order of their names."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for metric in measures.Measures().collect()
        for sample in metric.samples
        if sample.name == name
    }


def grown(name: str, before: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    now = values(name)
    return {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)}


def test_requests_are_counted_by_the_name_of_their_route_alone(client: Client) -> None:
    deployment = records.make_live(records.make_person("ines"))
    client.force_login(deployment.application.owner)
    counts, times = values("ecdeployer_requests_total"), values("ecdeployer_request_seconds_count")
    for pk in (deployment.application_id, uuid.uuid4(), uuid.uuid4()):
        client.get(f"/applications/{pk}/")
    client.get("/no/such/page?secret=1")
    client.generic("BREW", "/applications/")
    client.get("/healthz")
    assert grown("ecdeployer_requests_total", counts) == {
        ("GET", "applications:detail", "2xx"): 1,
        ("GET", "applications:detail", "4xx"): 2,
        ("GET", "none", "4xx"): 1,
        ("other", "applications:list", "4xx"): 1,
    }
    assert grown("ecdeployer_request_seconds_count", times) == {
        ("applications:detail",): 3,
        ("applications:list",): 1,
        ("none",): 1,
    }


def test_tasks_are_counted_by_their_end() -> None:
    counts, times = values("ecdeployer_tasks_total"), values("ecdeployer_task_seconds_count")
    beat.apply()
    terminate_instance.apply((str(uuid.uuid4()),))
    ends, lost = "ecdeployer.operating.tasks.beat", "ecdeployer.instances.tasks.terminate_instance"
    assert grown("ecdeployer_tasks_total", counts) == {("success", ends): 1, ("failure", lost): 1}
    assert grown("ecdeployer_task_seconds_count", times) == {(ends,): 1, (lost,): 1}


def test_calls_to_aws_are_counted_by_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    before, aws = values("ecdeployer_aws_calls_total"), AWS("eu-west-1")
    with Stubber(aws.sts) as stub:
        stub.add_response("get_caller_identity", {"Account": "123456789012"})
        stub.add_client_error("get_caller_identity", "AccessDenied")
        stub.add_client_error("get_caller_identity", "SomethingNobodyKnows")
        sts.account(aws)
        for _ in range(2):
            with pytest.raises(AWSError):
                sts.account(aws)
    aws.sts.meta.events.register("before-send", Mock(side_effect=EndpointConnectionError(endpoint_url="x")))
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with pytest.raises(AWSError):
        sts.account(aws)
    operation = "GetCallerIdentity"
    assert grown("ecdeployer_aws_calls_total", before) == {
        (code, operation): 1 for code in ("ok", "AccessDenied", "other", "no answer")
    }


SCRIPT = """
import django, os, sys
django.setup()
from ecdeployer.operating import measures
measures.TASKS.labels("task", "success").inc(int(sys.argv[1]))
if os.fork() == 0:
    measures.TASKS.labels("task", "success").inc()
    os._exit(0)
os.wait()
from ecdeployer.operating.metrics import Measures
for metric in Measures().collect():
    for sample in metric.samples:
        print(sample.name, sample.labels, sample.value)
"""


def test_processes_with_a_folder_tell_of_each_other(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "METRICS_DIRECTORY": str(tmp_path / "numbers"),
        "DJANGO_SETTINGS_MODULE": "ecdeployer.settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    for number in ("3", "4"):
        told = subprocess.run(
            [sys.executable, "-c", SCRIPT, number],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    assert "ecdeployer_tasks_total {'state': 'success', 'task': 'task'} 9.0" in told


def test_numbers_stand_in_the_answer(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "t" * 20
    beat.apply()
    text = client.get("/metrics", headers={"authorization": f"Bearer {'t' * 20}"}).content.decode()
    assert 'ecdeployer_tasks_total{state="success",task="ecdeployer.operating.tasks.beat"}' in text
    assert 'ecdeployer_deployments{state="queued"} 0.0' in text

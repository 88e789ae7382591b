"""Commit statuses, posted to something that speaks HTTP in GitHub's place."""

import json
import socket

import pytest
from ecdeployer.alerts import sending
from ecdeployer.alerts.models import AlertSettings, Notification
from ecdeployer.deployments import endings, news
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState, StepName
from pytest_django import Settings

from tests.integration.test_outbound import serving
from tests.portal_records import make_deployment, make_live, make_person

TOKEN = "github_pat_0123456789012345678901234567890123456789"


@pytest.mark.django_db
def test_a_deployment_is_told_to_github_as_it_goes(settings: Settings) -> None:
    live = make_live(make_person("ines"), github_url="https://github.com/ada/bakery.git")
    AlertSettings.objects.create(application=live.application, email=False, status_token=TOKEN)
    deployment = make_deployment(
        live.instance, DeploymentState.RUNNING, at=StepName.INSTALL, kind=Deployment.Kind.LATER
    )
    heard: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        heard.append(request)
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")

    for step in (
        lambda: news.begun(deployment),
        lambda: endings.fail(deployment, StepName.INSTALL, code="install-failed", reason="No such\npackage."),
    ):
        step()
        with serving(answer) as origin:
            settings.GITHUB_API_URL = origin
            sending.send(Notification.objects.get(state="waiting").pk)
    bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in heard]
    assert [each["state"] for each in bodies] == ["pending", "failure"]
    assert bodies[1]["description"] == "No such package."
    assert bodies[1]["context"] == "EC Django Deployer / bakery"
    assert bodies[1]["target_url"].endswith(f"/deployments/{deployment.pk}/")
    for each in heard:
        assert each.startswith(
            f"POST /repos/ada/bakery/statuses/{deployment.commit_sha} HTTP/1.1\r\n".encode()
        )
        assert f"Authorization: Bearer {TOKEN}\r\n".encode() in each
    assert set(Notification.objects.values_list("state", "reason")) == {("sent", "It answered 201: {}")}

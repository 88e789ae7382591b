"""The API under requests that come at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.test import Client
from ecdeployer.accounts import tokens
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment
from pytest_django import Settings

from tests.portal_records import make_person

AT_ONCE = 8
BODY = {"project_name": "mysite", "github_url": "https://github.com/example/site"}


@pytest.mark.django_db(transaction=True)
def test_a_key_that_comes_many_times_at_once_makes_one(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)
    _, secret = tokens.create(make_person("ines"), name="test", days=7)
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "a"}
    together = Barrier(AT_ONCE)

    def create() -> Any:
        together.wait()
        try:
            return Client(headers=headers).post("/api/v1/applications", BODY, content_type="application/json")
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = [each.result() for each in [threads.submit(create) for _ in range(AT_ONCE)]]
    assert [answer.status_code for answer in answers] == [201] * AT_ONCE
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == AT_ONCE - 1
    assert Application.objects.count() == Deployment.objects.count() == 1

"""A value that is secret: in no row but its own, and in no page, message, log, task or answer."""

import io
import json
import logging
from typing import Any

import pytest
from celery import current_app
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import tokens
from ecdeployer.applications.models import EnvironmentVariable
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState, StepName

from ecdeployer import logs
from tests import portal_records as records

CANARY = "canary/3f9a:value"


def stored() -> str:
    """Every column of every table as it stands in the database."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - names of tables
            found.append(str(cursor.fetchall()))
    return "".join(found)


def test_a_secret_shows_nowhere(client: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda *given, **named: sent.append((given, named)))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Redacting("{message}{ids}", style="{"))
    logging.getLogger().addHandler(handler)
    owner = records.make_person("ines")
    client.force_login(owner)
    _, token = tokens.create(owner, name="ci", days=1)
    program = Client(headers={"authorization": f"Bearer {token}"})
    live = records.make_live(owner)
    asking = records.make_deployment(
        live.instance, DeploymentState.FAILED, at=StepName.PREFLIGHT, kind=Deployment.Kind.LATER,
        facts={"required_environment": ["ASKED"], "settings_candidates": []},
        findings=[{"code": "environment-required", "level": "error", "message": "ASKED is read."}],
    )  # fmt: skip
    pk = live.application_id

    def page(view: str, **fields: Any) -> Any:
        return client.post(reverse(f"applications:{view}", args=[pk]), fields)

    answers = [page("answer", ASKED=CANARY)]
    assert Deployment.objects.filter(number=asking.number + 1).exists()
    answers += [page("change-variable", name="ADDED", value=CANARY, apply="yes")]
    shown = page("import-variables", text=f"FILED={CANARY}", guess="on")
    answers += [shown, page("confirm-import", sealed=shown.context["sealed"], apply="yes")]
    answers += [page("change-variable", name="ADDED", value="", plain="on")]
    answers += [page("export-variables"), page("apply-environment")]
    root = f"/api/v1/applications/{pk}"
    for body in ({"set": {"SENT": CANARY}, "apply": True}, {"plain": ["SENT"]}):
        headers = {"Idempotency-Key": json.dumps(sorted(body)).replace(" ", "")}
        answers.append(
            program.patch(f"{root}/environment", body, content_type="application/json", headers=headers)
        )
    kept = EnvironmentVariable.objects.filter(application_id=pk)
    assert [each.name for each in kept if each.value == CANARY] == ["ADDED", "ASKED", "FILED", "SENT"]
    for path in ("", "/environment", "/deployments"):
        answers.append(program.get(root + path))
    for name in ("detail", "live", "environment", "events", "deployments", "terminate"):
        answers.append(client.get(reverse(f"applications:{name}", args=[pk])))
    operator = records.make_person("operator", is_staff=True, is_superuser=True)
    client.force_login(operator)
    answers.append(client.get(reverse("applications:environment", args=[pk])))
    answers.append(client.get(reverse("admin:applications_application_change", args=[pk])))
    logging.getLogger().removeHandler(handler)

    for answer in answers:
        seen = answer.content.decode() + str(answer.headers) + str(answer.cookies)
        assert CANARY not in seen, answer.request["PATH_INFO"]
    sessions = str([session.get_decoded() for session in Session.objects.all()])
    assert CANARY not in stored() + sessions + str(sent) + stream.getvalue()

"""The API against its own document: whatever is sent, no defect and no answer that is not described."""

import json
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.api.urls import api
from ecdeployer.commands import actions as commands
from ecdeployer.site_logs import actions as site_logs
from ecdeployer.site_logs.questions import Question
from hypothesis import HealthCheck
from hypothesis import settings as effort
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.portal_records import make_delivery, make_serving_after_failure

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: What makes a body, whatever else stands in it, one that the portal takes.
LEAST: dict[str, dict[str, Any]] = {
    "create_application": {"project_name": "mysite", "github_url": "https://github.com/example/site"},
    "run_command": {"words": ["check"], "line": ""},
    "add_schedule": {"cron": "0 4 * * *", "line": "check"},
    "change_schedule": {"cron": "0 4 * * *", "line": "check"},
}
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))


@pytest.fixture
def record(ines: User) -> dict[str, str]:
    """What paths are filled with."""
    deployment = make_serving_after_failure(ines)
    command = commands.manage(deployment.application, ["check"], by=ines)
    schedule = commands.save_schedule(deployment.application, ["check"], "0 4 * * *", by=ines)
    return {
        "application_id": str(deployment.application_id),
        "command_id": str(command.pk),
        "deployment_id": str(deployment.pk),
        "name": "install",
        "process": "web",
        "reading_id": str(site_logs.ask(deployment.application, Question(source="web"), by=ines).pk),
        "schedule_id": str(schedule.pk),
        "delivery_id": str(make_delivery(deployment.application, outcome="deployed").pk),
    }


@pytest.fixture
def call(ines: User, settings: Settings, one_connection: None) -> dict[str, Any]:
    """How every case is sent: within this process, by a program of Ines."""
    settings.ALLOWED_HOSTS = ["localhost"]
    _, secret = tokens.create(ines, name="test", days=7)
    return {
        "app": get_wsgi_application(),
        "headers": {"Authorization": f"Bearer {secret}"},
    }


@schema.parametrize()
@effort(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_the_api_answers_as_its_document_says(
    case: Any, call: dict[str, Any], record: dict[str, str]
) -> None:
    case.call_and_validate(**call, checks=[*CHECKS, negative_data_rejection])
    # Once more, with what exists and what the form takes.
    if case.path_parameters:
        case.path_parameters = {name: record[name] for name in case.path_parameters}
    if isinstance(case.body, dict):
        case.body = {**case.body, **LEAST.get(case.operation.definition.raw["operationId"], {})}
    case.call_and_validate(**call, checks=CHECKS)

"""The API against its own document: whatever is sent, no defect and no answer that is not described."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.api.urls import api
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

from tests.portal_records import make_delivery, make_failed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LEAST = {"project_name": "mysite", "github_url": "https://github.com/example/site"}
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))


@pytest.fixture
def record(ines: User) -> dict[str, str]:
    """What paths are filled with."""
    deployment = make_failed(ines)
    return {
        "application_id": str(deployment.application_id),
        "deployment_id": str(deployment.pk),
        "name": "install",
        "delivery_id": str(make_delivery(deployment.application, outcome="deployed").pk),
    }


@pytest.fixture
def one_connection() -> Iterator[None]:
    """What Django's own test client does: a request leaves the connection of the test's transaction open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


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
        case.body = {**case.body, **LEAST}
    case.call_and_validate(**call, checks=CHECKS)

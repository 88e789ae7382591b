"""What every unit test of the portal has in place of the services that it does without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.commands import actions as commands
from ecdeployer.site_logs import actions as site_logs
from ecdeployer.site_logs.questions import Question
from pytest_django import Settings

from tests.portal_records import make_delivery, make_person, make_serving_after_failure


@pytest.fixture(autouse=True)
def without_services(settings: Settings, tmp_path: Path) -> None:
    """No Redis, no manifest of collected static files, no mail."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.STATIC_ROOT = str(tmp_path)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def owner(db: None) -> User:
    return make_serving_after_failure(make_person("ines")).application.owner


@pytest.fixture
def filled(owner: User) -> dict[str, Any]:
    """The parameters of every route, by room and name, or by name alone."""
    application = owner.applications.get()
    deployment = application.deployments.get(number=1)
    command = commands.manage(application, ["check"], by=None)
    reading = site_logs.ask(application, Question(source="web"), by=None)
    schedule = commands.save_schedule(application, ["check"], "0 4 * * *", by=None)
    token, _ = tokens.create(owner, name="laptop", days=7)
    delivery = make_delivery(application, outcome="deployed")
    return {
        "applications.pk": deployment.application_id,
        "applications.number": deployment.number,
        "deployments.pk": deployment.pk,
        "commands.pk": command.pk,
        "commands.application": deployment.application_id,
        "commands-reports.pk": command.pk,
        "logs.pk": reading.pk,
        "logs.application": deployment.application_id,
        "api.reading_id": reading.pk,
        "processes.application": deployment.application_id,
        "processes.name": "web",
        "schedules.pk": schedule.pk,
        "api.schedule_id": schedule.pk,
        "reports.pk": deployment.pk,
        "deployments.step": "install",
        "findings.code": "debug-on",
        "tokens.pk": token.pk,
        "api.application_id": deployment.application_id,
        "api.command_id": command.pk,
        "api.process": "web",
        "api.deployment_id": deployment.pk,
        "api.name": "install",
        "api.delivery_id": delivery.pk,
        "figures.pk": deployment.application_id,
        "alerts.pk": deployment.application_id,
        "alerts.channel": "webhook",
        "machines.pk": deployment.application_id,
        "maintenance.pk": deployment.application_id,
        "webhooks.pk": deployment.application_id,
        "webhooks.delivery": delivery.pk,
        "pk": deployment.application_id,
        "admin.app_label": "applications",
        "admin.object_id": deployment.application_id,
        "admin.content_type_id": ContentType.objects.get_for_model(User).pk,
        "admin.url": "no/such/page",
        "admin.id": owner.pk,
        "key": "no-such-key",
        "uidb36": "1",
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

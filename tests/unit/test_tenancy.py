"""Every URL of the portal, asked for by nobody and by somebody else."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import ApiToken
from ecdeployer.applications.models import Application
from ecdeployer.commands import actions as commands
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.site_logs import actions as site_logs
from ecdeployer.site_logs.questions import Question

from tests.portal_records import make_delivery, make_deployment, make_failed, make_person

#: Rooms with rules of their own: allauth's pages, Django's admin, reports and metrics (by token), files.
APART = ("accounts/", "admin/", "reports/", "api/", "hooks/", "metrics", "static/")
PUBLIC = {"home", "favicon", "findings:index", "findings:detail"}
SAFE = ("get", "head", "options")
CHANGING = ("post", "put", "patch", "delete")
#: What a person opens who has nothing yet; it shows nothing of anybody else.
OWN = {"applications:list", "applications:new", "profile", "about", "tokens:list"}


def patterns(
    resolver: URLResolver, prefix: str = "", namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if route.startswith(APART) and not route.startswith("accounts/profile"):
            continue
        if isinstance(each, URLResolver):
            yield from patterns(each, route, f"{each.namespace}:" if each.namespace else namespace)
        else:
            yield f"{namespace}{each.name}", each


NAMES = dict(patterns(get_resolver()))
PRIVATE = sorted(set(NAMES) - PUBLIC)


def path_of(name: str, record: dict[str, Any]) -> str:
    converters = NAMES[name].pattern.converters
    room = name.partition(":")[0]
    return reverse(name, kwargs={key: record[f"{room}.{key}"] for key in converters})


@pytest.fixture
def record(db: None) -> dict[str, UUID | int | str]:
    """What the routes' parameters are filled with: all of it belongs to one person."""
    deployment = make_failed(make_person("ines"))
    for _ in range(2):
        make_deployment(deployment.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    command = commands.manage(deployment.application, ["check"], by=None)
    token, _ = tokens.create(deployment.application.owner, name="laptop", days=7)
    return {
        "applications.pk": deployment.application_id,
        "applications.number": 2,
        "commands.application": deployment.application_id,
        "commands.pk": command.pk,
        "processes.application": deployment.application_id,
        "processes.name": "web",
        "schedules.pk": commands.save_schedule(deployment.application, ["check"], "0 4 * * *", by=None).pk,
        "deployments.pk": deployment.pk,
        "logs.application": deployment.application_id,
        "logs.pk": site_logs.ask(deployment.application, Question(source="web"), by=None).pk,
        "deployments.step": "install",
        "findings.code": "debug-on",
        "tokens.pk": token.pk,
        "figures.pk": deployment.application_id,
        "alerts.pk": deployment.application_id,
        "alerts.channel": "webhook",
        "machines.pk": deployment.application_id,
        "maintenance.pk": deployment.application_id,
        "webhooks.pk": deployment.application_id,
        "webhooks.delivery": make_delivery(deployment.application, outcome="deployed").pk,
    }


#: By how the address ends.
BODIES = {"/machine/resize": '{"instance_type": "t3.small"}'}


def answers(client: Client, path: str, **headers: str) -> list[int]:
    """Of every method there is. What changes something is sent as JSON, with what it cannot be without."""
    body = next((text for end, text in BODIES.items() if path.endswith(end)), "")
    asked = [getattr(client, verb)(path, headers=headers) for verb in SAFE]
    asked += [
        getattr(client, verb)(path, body, content_type="application/json", headers=headers)
        for verb in CHANGING
    ]
    return [answer.status_code for answer in asked]


def all_rows() -> dict[str, list[dict[str, Any]]]:
    """Everything that the portal has recorded, but for who is signed in."""
    apart = {"Session", "LogEntry", "User"}
    models = [model for model in apps.get_models() if model.__name__ not in apart]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize("inactive", [False, True])
def test_nobody_is_sent_to_the_sign_in_page(
    client: Client, record: dict[str, Any], name: str, inactive: bool
) -> None:
    if inactive:
        person = make_person("former")
        client.force_login(person)
        person.is_active = False
        person.save()
    path, before = path_of(name, record), all_rows()
    for verb in ("get", "post"):
        answer = getattr(client, verb)(path)
        if answer.status_code != 405:
            assert answer.headers["Location"].startswith(reverse("account_login"))
    assert set(answers(client, path)) <= {302, 405}
    assert all_rows() == before


@pytest.mark.parametrize("name", sorted(set(PRIVATE) - OWN))
def test_another_person_is_told_that_there_is_nothing(
    client: Client, record: dict[str, Any], name: str
) -> None:
    client.force_login(make_person("rui"))
    before = all_rows()
    found = answers(client, path_of(name, record))
    assert set(found) <= {404, 405}
    assert 404 in found
    assert all_rows() == before


@pytest.mark.parametrize("name", PRIVATE)
def test_looking_changes_nothing(client: Client, record: dict[str, Any], name: str) -> None:
    client.force_login(Application.objects.get().owner)
    path, before = path_of(name, record), all_rows()
    for verb in SAFE:
        assert getattr(client, verb)(path).status_code in (200, 286, 405)
    assert all_rows() == before


@pytest.mark.parametrize("kind", ["nobody", "expired", "revoked", "another"])
def test_a_program_acts_for_its_own_person_alone(client: Client, record: dict[str, Any], kind: str) -> None:
    """Every operation of the document, with every method."""
    token, secret = tokens.create(make_person("rui"), name="program", days=7)
    if kind == "revoked":
        tokens.revoke(token)
    if kind == "expired":
        ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    headers = {} if kind == "nobody" else {"authorization": f"Bearer {secret}"}
    before = all_rows()
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert len(paths) > 8
    for path in paths:
        ids = {
            "{application_id}": "applications.pk",
            "{command_id}": "commands.pk",
            "{reading_id}": "logs.pk",
            "{deployment_id}": "deployments.pk",
            "{name}": "deployments.step",
            "{schedule_id}": "schedules.pk",
            "{process}": "processes.name",
            "{delivery_id}": "webhooks.delivery",
        }
        filled = path
        for field, key in ids.items():
            filled = filled.replace(field, str(record[key]))
        found = set(answers(client, filled, **headers))
        if kind != "another":
            assert found <= {401, 405}, (path, found)
        elif "{" in path:
            assert found <= {404, 405}, (path, found)
            assert 404 in found
        else:
            assert found <= {200, 405, 422}, (path, found)
    assert all_rows() == before


@pytest.mark.parametrize("name", sorted(set(PRIVATE) - OWN))
def test_staff_see_everybodys(client: Client, record: dict[str, Any], name: str) -> None:
    client.force_login(make_person("operator", is_staff=True))
    assert client.get(path_of(name, record)).status_code in (200, 286, 405)


def test_a_dashboard_holds_its_owners_applications_alone(client: Client, record: dict[str, Any]) -> None:
    client.force_login(make_person("rui"))
    page = client.get(reverse("applications:list")).content.decode()
    assert "newsroom" not in page
    assert "Put your first Django site on the air" in page


def test_a_fragment_that_a_signed_out_page_asks_for_reloads_the_page(
    client: Client, record: dict[str, Any]
) -> None:
    path = path_of("applications:live", record)
    answer = client.get(path, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert b"newsroom" not in answer.content

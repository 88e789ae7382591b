"""Every address that changes something: an event says who did it, from where and through what."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import create_autospec

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, DeployKey, Event
from ecdeployer.commands import actions as commands
from ecdeployer.deployments import migration_plans
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances import deploy_keys
from ecdeployer.webhooks.models import Delivery
from pytest_django import Settings

from tests import portal_records as records

from .test_headers import PATTERNS
from .test_headers import path_of as address_of
from .test_tenancy import all_rows

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
OTHER = f"another {PASSWORD}"
ADDRESS = "192.0.2.7"
CODE = "of-the-first-operator"
NEW = {"name": "one", "project_name": "shop", "github_url": "https://github.com/o/r", "health_path": "/"}
WHOLE_LOG = {"source": "web", "whole": True}
Make = Callable[[User], Deployment]


def make_kept(owner: User) -> Deployment:
    """The first of two releases that a machine has; it can be gone back to."""
    first = records.make_live(owner)
    records.make_deployment(first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    return first


def make_unconfirmed(owner: User) -> Deployment:
    """Its migrations wait for somebody to say that they may run."""
    live = records.make_live(owner)
    dropped = {"app": "shop", "name": "0002", "operations": [], "flags": [], "reversible": True}
    return records.make_deployment(
        live.instance, DeploymentState.FAILED, at=StepName.MIGRATE, kind=Deployment.Kind.LATER,
        failure_code=migration_plans.UNCONFIRMED, plan=[dropped],
    )  # fmt: skip


def make_keyed(owner: User) -> Deployment:
    live = records.make_live(owner)
    DeployKey.objects.create(application=live.application, public="ssh-ed25519 AAAA", made_by=owner)
    return live


def make_pushed(owner: User) -> Deployment:
    live = records.make_live(owner, branch="main")
    records.make_delivery(live.application, outcome="deployed")
    return live


@pytest.fixture(autouse=True)
def parameter_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy_keys, "write", create_autospec(deploy_keys.write))
    monkeypatch.setattr(deploy_keys, "delete", create_autospec(deploy_keys.delete))


def sealed_for(application: Application) -> str:
    """What the preview of a file gives its own page, which confirms it."""
    client = Client()
    client.force_login(application.owner)
    preview = reverse("applications:import-variables", args=[application.pk])
    shown: Any = client.post(preview, {"text": "A=1"})
    return str(shown.context["sealed"])


@dataclass(frozen=True)
class Change:
    """What is posted to which address, of an application in which state, and what the event says."""

    name: str
    verb: str
    make: Make = records.make_live
    sent: Callable[[Application], dict[str, Any]] = lambda _: {}
    signed_in: bool = True


CHANGES = [
    Change("applications:new", "created", sent=lambda _: {**NEW, "instance_type": "t3.micro"}),
    Change("applications:deploy", "queued"),
    Change(
        "applications:general",
        "edited",
        sent=lambda found: {"name": "renamed", "github_url": found.github_url},
    ),
    Change("applications:roll-back", "queued", make=make_kept),
    Change("applications:cancel", "cancelled", make=records.make_queued),
    Change(
        "applications:answer",
        "environment changed",
        make=records.make_asking,
        sent=lambda _: {"MAPS_KEY": "k", "DATABASE_URL": "sqlite:///x"},
    ),
    Change("applications:terminate", "terminate", sent=lambda found: {"name": found.name}),
    Change(
        "applications:confirm-import",
        "environment changed",
        sent=lambda found: {"sealed": sealed_for(found)},
    ),
    Change("applications:export-variables", "environment exported"),
    Change("applications:apply-environment", "queued"),
    Change(
        "applications:change-variable",
        "environment changed",
        sent=lambda _: {"name": "STRIPE_KEY", "value": "new"},
    ),
    Change("applications:remove-variable", "environment changed", sent=lambda _: {"name": "STRIPE_KEY"}),
    Change("commands:list", "command", sent=lambda _: {"words": "check"}),
    Change(
        "commands:superuser",
        "superuser",
        sent=lambda _: {"username": "boss", "password": PASSWORD, "password_again": PASSWORD},
    ),
    Change("commands:cancel", "command cancelled"),
    # Reading changes nothing, and is no event: taking a whole log away is one.
    Change("logs:show", "log downloaded", sent=lambda _: {**WHOLE_LOG, "minutes": "0", "lines": "100"}),
    Change("processes:restart", "process restarted"),
    Change("processes:list", "schedule added", sent=lambda _: {"words": "check", "cron": "0 4 * * *"}),
    Change("schedules:change", "schedule changed", sent=lambda _: {"words": "check", "cron": "1 4 * * *"}),
    Change("schedules:switch", "schedule changed"),
    Change("schedules:remove", "schedule removed"),
    Change("schedules:run", "schedule run"),
    Change("applications:make-key", "deploy key made"),
    Change("applications:remove-key", "deploy key removed", make=make_keyed),
    Change("deployments:confirm", "migrations confirmed", make=make_unconfirmed),
    Change("machines:stop", "stop"),
    Change("machines:start", "start", make=records.make_stopped),
    Change("machines:reboot", "reboot"),
    Change("machines:resize", "resize", sent=lambda _: {"instance_type": "t3.small"}),
    Change("maintenance:page", "maintenance changed", sent=lambda _: {"retry_after": "10m"}),
    Change("maintenance:switch", "maintenance switched on", sent=lambda _: {"maintenance": "on"}),
    Change("machines:rebuild", "rebuild", sent=lambda _: {"new_address": "yes"}),
    Change("webhooks:switch", "deploy on push switched off"),
    Change("webhooks:rotate", "webhook secret replaced"),
    Change(
        "alerts:show",
        "alerts changed",
        sent=lambda _: {"down": "on", "disk_percent": "50", "deployments": "all"},
    ),
    Change("alerts:token", "token for commit statuses set", sent=lambda _: {"status_token": "t" * 40}),
    Change("alerts:test", "alert tested"),
    Change("webhooks:redeliver", "push delivered again", make=make_pushed),
    Change("profile", "profile changed", sent=lambda _: {"time_zone": "Europe/Lisbon"}),
    Change("tokens:list", "API token made", sent=lambda _: {"name": "ci", "days": "7"}),
    Change("tokens:revoke", "API token revoked"),
    Change(
        "account_login", "signed in", sent=lambda _: {"login": "ines", "password": PASSWORD}, signed_in=False
    ),
    Change("account_logout", "signed out"),
    Change(
        "account_signup",
        "signed up",
        sent=lambda _: {"username": "rui", "email": "r@x.org", "password1": PASSWORD, "password2": PASSWORD},
        signed_in=False,
    ),
    Change(
        "first-operator",
        "first operator made",
        sent=lambda _: {"username": "rui", "password1": PASSWORD, "password2": PASSWORD, "code": CODE},
        signed_in=False,
    ),
    Change(
        "account_change_password",
        "password changed",
        sent=lambda _: {
            "oldpassword": PASSWORD,
            "password1": OTHER,
            "password2": OTHER,
        },
    ),
    Change("account_email", "e-mail added", sent=lambda _: {"action_add": "", "email": "new@example.com"}),
    Change(
        "admin:accounts_user_add",
        "added user",
        sent=lambda _: {"username": "rui", "usable_password": "false"},
    ),
    Change("admin:accounts_user_delete", "deleted user", sent=lambda _: {"post": "yes"}),
    Change(
        "admin:accounts_user_change",
        "changed user",
        sent=lambda found: {
            "username": found.owner.username,
            "time_zone": "UTC",
            "machine_limit": "3",
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
        },
    ),
]


def path_of(change: Change, application: Application, token: int) -> str:
    """A command is waiting where one is to be cancelled."""
    if change.name.startswith("admin:"):
        return reverse(change.name, args=[] if change.name.endswith("_add") else [application.owner_id])
    needs = PATTERNS[change.name].pattern.converters
    pk: object = token if change.name.startswith("tokens") else application.pk
    if change.name == "commands:cancel":
        pk = commands.manage(application, ["check"], by=None).pk
    if change.name.startswith("schedules:"):
        pk = commands.save_schedule(application, ["check"], "0 4 * * *", by=None).pk
    if change.name.startswith("deployments:"):
        pk = application.deployments.latest("number").pk
    delivery = Delivery.objects.filter(application=application).values_list("pk", flat=True).first()
    given = {"channel": "webhook", "pk": pk, "number": 1, "application": application.pk, "delivery": delivery}
    given["name"] = "web"
    return reverse(change.name, kwargs={name: given[name] for name in needs})


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_what_changes_something_is_recorded(change: Change, settings: Settings) -> None:
    settings.SIGN_UP = True
    settings.FIRST_OPERATOR_SHA256 = hashlib.sha256(CODE.encode()).hexdigest()
    owner = records.make_person("ines")
    application = change.make(owner).application
    token, _ = tokens.create(owner, name="laptop", days=7)
    client, actor = Client(REMOTE_ADDR=ADDRESS), owner
    sent = change.sent(application)
    if change.name.startswith("admin:"):
        actor = records.make_person("operator", is_staff=True, is_superuser=True)
    if change.name == "admin:accounts_user_delete":
        application.owner = records.make_person("other")
    if change.signed_in:
        client.force_login(actor)
    EmailAddress.objects.get_or_create(user=owner, email=owner.email)
    Event.objects.all().delete()
    before = all_rows()
    answer = client.post(path_of(change, application, token.pk), sent)
    taken = "Content-Disposition" in answer.headers
    assert taken or answer.status_code in (201, 302), answer.content.decode()[-2000:]
    found = Event.objects.filter(verb=change.verb).first()
    assert found is not None, list(Event.objects.values_list("verb", "detail"))
    assert all_rows() != before
    assert (found.through, found.address) == ("page", ADDRESS)
    made = change.verb in {"signed up", "first operator made"}
    assert found.actor_name == ("rui" if made else actor.username)


_ONE = "applications/{application_id}"
NEW_BY_PROGRAM = {"project_name": "shop", "github_url": "https://github.com/o/r"}
#: Method, path, what the event says, what there has to be, and what is sent.
OPERATIONS: list[tuple[str, str, str, Make, Any]] = [
    ("post", "applications", "created", records.make_live, NEW_BY_PROGRAM),
    ("post", f"{_ONE}/deployments", "queued", records.make_live, ""),
    ("post", f"{_ONE}/cancel", "cancelled", records.make_queued, ""),
    ("post", f"{_ONE}/terminate", "terminate", records.make_live, ""),
    ("patch", _ONE, "edited", records.make_live, {"branch": "develop"}),
    ("patch", f"{_ONE}/environment", "environment changed", records.make_live, {"set": {"A": "1"}}),
    ("post", f"{_ONE}/commands", "command", records.make_live, {"line": "check"}),
    ("post", "commands/{command_id}/cancel", "command cancelled", records.make_live, ""),
    ("post", f"{_ONE}/logs", "log downloaded", records.make_live, WHOLE_LOG),
    ("post", f"{_ONE}/machine/stop", "stop", records.make_live, ""),
    ("post", f"{_ONE}/machine/start", "start", records.make_stopped, ""),
    ("post", f"{_ONE}/machine/reboot", "reboot", records.make_live, ""),
    ("post", f"{_ONE}/machine/resize", "resize", records.make_live, {"instance_type": "t3.small"}),
    ("post", _ONE + "/processes/{process}/restart", "process restarted", records.make_live, ""),
    (
        "post",
        f"{_ONE}/schedules",
        "schedule added",
        records.make_live,
        {"cron": "0 4 * * *", "line": "check"},
    ),
    ("patch", "schedules/{schedule_id}", "schedule changed", records.make_live, {"enabled": False}),
    ("delete", "schedules/{schedule_id}", "schedule removed", records.make_live, ""),
    ("post", "schedules/{schedule_id}/run", "schedule run", records.make_live, ""),
    ("post", f"{_ONE}/machine/rebuild", "rebuild", records.make_live, {"new_address": True}),
    ("post", f"{_ONE}/deploy-key", "deploy key made", records.make_live, ""),
    ("delete", f"{_ONE}/deploy-key", "deploy key removed", make_keyed, ""),
    ("patch", f"{_ONE}/alerts", "alerts changed", records.make_live, {"disk_percent": 50}),
    ("put", f"{_ONE}/maintenance", "maintenance switched on", records.make_live, {"on": True}),
    ("patch", f"{_ONE}/webhook", "deploy on push switched off", records.make_live, {"deploy_on_push": False}),
    ("put", f"{_ONE}/webhook/secret", "webhook secret replaced", records.make_live, ""),
    ("post", _ONE + "/deliveries/{delivery_id}/redeliver", "push delivered again", make_pushed, ""),
    ("post", "deployments/{deployment_id}/rollback", "queued", make_kept, ""),
    ("post", "deployments/{deployment_id}/confirm", "migrations confirmed", make_unconfirmed, ""),
]


@pytest.mark.parametrize(("method", "path", "verb", "make", "sent"), OPERATIONS)
def test_what_a_program_changes_is_recorded(method: str, path: str, verb: str, make: Make, sent: Any) -> None:
    owner = records.make_person("ines")
    deployment = make(owner)
    application = deployment.application
    _, secret = tokens.create(owner, name="ci", days=1)
    waiting = commands.manage(application, ["check"], by=None).pk if "{command_id}" in path else None
    schedule = commands.save_schedule(application, ["check"], "1 4 * * *", by=None)
    Event.objects.all().delete()
    client = Client(REMOTE_ADDR=ADDRESS, headers={"authorization": f"Bearer {secret}"})
    delivery = Delivery.objects.filter(application=application).values_list("pk", flat=True).first()
    ids = {"application_id": application.pk, "deployment_id": deployment.pk, "delivery_id": delivery}
    filled = path.format(**ids, command_id=waiting, schedule_id=schedule.pk, process="web")
    ask = getattr(client, method)
    answer = ask(f"/api/v1/{filled}", sent, content_type="application/json")
    assert 200 <= answer.status_code < 300, answer.content
    event = Event.objects.get(verb=verb)
    assert (event.through, event.address, event.actor_name) == ("api", ADDRESS, "ines")


def test_no_operation_of_the_document_is_left_out() -> None:
    paths = Client().get("/api/v1/openapi.json").json()["paths"]
    changing = {f"{verb} {path}" for path, found in paths.items() for verb in found.keys() - {"get"}}
    changing.remove("post /api/v1/applications/{application_id}/processes/refresh")  # it asks alone
    assert changing == {f"{method} /api/v1/{path}" for method, path, *_ in OPERATIONS}


#: Addresses that take a POST and change nothing that lasts, or nothing of their own accord.
APART = {
    "processes:ask": "asks the machine what runs",
    "applications:import-variables": "shows what a file would change",
    "account_reauthenticate": "asks for the password again",
    "account_reset_password": "sends a letter",
    "account_set_password": "for people who came by GitHub; password_set is recorded as a change",
    "account_confirm_login_code": "nobody was sent a code: it is switched off",
    "account_reset_password_from_key": "a letter's address, which signals password_reset",
    "favicon": "a redirection",
    "home": "a redirection",
    "hook": "signed deliveries; what they ask for is recorded with the deployment",
    "socialaccount_connections": "nobody is connected; GitHub's own pages change that",
    "socialaccount_signup": "nothing waits to be signed up",
}


def test_no_page_that_takes_a_post_is_left_out(filled: dict[str, Any], owner: User) -> None:
    named = {change.name for change in CHANGES} | APART.keys()
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    left = []
    for name in sorted(PATTERNS.keys() - named):
        if name.startswith(("admin:", "api:", "reports:", "commands-reports:")):
            continue
        if client.post(address_of(name, filled)).status_code not in (404, 405):
            left.append(name)
            client.force_login(owner)
    assert not left, " ".join(left)

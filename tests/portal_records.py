"""Applications in every state that a page can show, as the portal's own workers leave them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, EnvironmentVariable, Event
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.plan import STEPS
from ecdeployer.deployments.states import DeploymentState, StepName, StepState
from ecdeployer.instances.models import Instance, Usage
from ecdeployer.instances.states import InstanceState
from ecdeployer.webhooks.models import Delivery, Webhook
from ecdeployer.webhooks.senders import Sender

PIP_LOG = """\
Using Python 3.11.2 environment at: /srv/ecdeployer/releases/000001/venv
Resolved 14 packages in 212ms
  x No solution found when resolving dependencies:
  `-> Because there is no version of django-nonesuch==9.9 and you require
      django-nonesuch==9.9, we can conclude that your requirements are
      unsatisfiable.
"""
LOGS = {
    "preflight": "Cloning https://github.com/example/bakery\nReading mysite/settings.py\n",
    "clone": "Cloning into '/srv/ecdeployer/releases/000001/source'...\n"
    "HEAD is now at 4f9d2c1 Add opening hours\n",
    "install": "Resolved 14 packages in 212ms\nInstalled 14 packages in 38ms\n"
    " + django==5.2.8\n + gunicorn==25.0\n",
    "collectstatic": "131 static files copied to '/srv/ecdeployer/releases/000001/static'.\n",
    "migrate": "Operations to perform:\n  Apply all migrations: admin, auth, bakery\nRunning migrations:\n"
    "  Applying contenttypes.0001_initial... OK\n  Applying auth.0001_initial... OK\n",
    "health": "GET / -> 200 in 41 ms\n",
}
FINDINGS = [
    {
        "code": "secret-key-in-code",
        "level": "warning",
        "message": "SECRET_KEY stands in the code.",
        "remedy": "The site gets a key of its own from the portal. Read yours from the environment.",
        "path": "bakery/bakery/settings.py",
        "line": 23,
    },
    {
        "code": "debug-on",
        "level": "note",
        "message": "DEBUG is True.",
        "remedy": "It is switched off on the machine.",
        "path": "bakery/bakery/settings.py",
        "line": 26,
    },
]
CHANGES = [
    {"setting": "DEBUG", "from": "True", "to": "False", "why": "Tracebacks are not for visitors."},
    {
        "setting": "ALLOWED_HOSTS",
        "from": "[]",
        "to": "['203.0.113.10']",
        "why": "The site answers on its public address.",
    },
]


def make_person(username: str, **fields: Any) -> User:
    return User.objects.create_user(username, f"{username}@example.com", "correct horse battery", **fields)


def make_application(owner: User, name: str = "bakery", **fields: Any) -> Application:
    values: dict[str, Any] = {
        "project_name": "bakery",
        "github_url": f"https://github.com/example/{name}",
        "instance_type": "t3.micro",
    }
    application = Application.objects.create(owner=owner, name=name, **{**values, **fields})
    Webhook.objects.create(application=application)
    Event.objects.create(application=application, actor=owner, subject="application", verb="created")
    return application


def follow(application: Application) -> None:
    """Bring its row to what its instance and deployments are by now: here they are written, and not moved."""
    with Application.kept(application.pk):
        pass
    application.refresh_from_db()


def make_instance(application: Application, state: InstanceState, **fields: Any) -> Instance:
    number = Instance.objects.count() + 10
    values: dict[str, Any] = {"instance_type": application.instance_type, "state": state}
    if state not in (InstanceState.REQUESTED, InstanceState.FAILED):
        values |= {
            "ec2_id": f"i-0a1b2c3d4e5f{number:05x}",
            "ami_id": "ami-0f3a9c6d2b1e4a785",
            "availability_zone": "eu-west-1a",
            "public_ip": f"203.0.113.{number}",
            "private_ip": f"10.0.1.{number}",
            "launched_at": timezone.now() - dt.timedelta(hours=31),
        }
    if state == InstanceState.TERMINATED:
        values["terminated_at"] = timezone.now() - dt.timedelta(hours=2)
    instance = Instance.objects.create(application=application, **{**values, **fields})
    _use(instance)
    follow(application)
    return instance


def _use(instance: Instance) -> None:
    """What it cost, from its launch: a machine that is stopped now was stopped an hour after it."""
    if instance.launched_at is None:
        return
    hour = instance.launched_at + dt.timedelta(hours=1)
    runs = instance.state in (InstanceState.PENDING, InstanceState.RUNNING)
    for kind, until in (
        (Usage.Kind.MACHINE, None if runs else instance.terminated_at or hour),
        (Usage.Kind.ADDRESS, None if runs else instance.terminated_at or hour),
        (Usage.Kind.DISK, instance.terminated_at),
    ):
        usage = Usage.of(instance, kind, instance.launched_at)
        usage.until = until
        usage.save()


def make_deployment(
    instance: Instance,
    state: DeploymentState,
    *,
    at: StepName | None = None,
    logs: Mapping[str, str] = LOGS,
    kind: Deployment.Kind = Deployment.Kind.FIRST,
    **fields: Any,
) -> Deployment:
    """``at``: the step that runs, or that failed; None when all of them are done, or none has begun."""
    application = instance.application
    now = timezone.now()
    ended = state not in (DeploymentState.QUEUED, DeploymentState.RUNNING)
    values: dict[str, Any] = {
        "number": application.deployments.count() + 1,
        "branch": "main",
        "trigger": Deployment.Trigger.PAGE,
        "created_by": application.owner,
        "finished_at": now - dt.timedelta(hours=3) if ended else None,
        "failed_step": at or "",
    }
    if state != DeploymentState.QUEUED and at != StepName.PREFLIGHT:
        values |= {
            "commit_sha": "4f9d2c1a7be05c3d98e6f1420ab7c5d3e8f90b12",
            "commit_subject": "Add opening hours to the front page",
            "findings": FINDINGS,
            "changes": CHANGES,
        }
    if state != DeploymentState.FAILED:
        values["failed_step"] = ""
    deployment = Deployment.objects.create(
        application=application, instance=instance, state=state, kind=kind, **{**values, **fields}
    )
    queued = (deployment.finished_at or now) - dt.timedelta(seconds=24)
    Deployment.objects.filter(pk=deployment.pk).update(queued_at=queued)
    deployment.queued_at = queued
    _make_steps(deployment, at=at, logs=logs, begun=queued)
    follow(application)
    Event.objects.create(
        application=application,
        actor=application.owner,
        subject=f"deployment {deployment.number}",
        verb=f"queued -> {state}",
    )
    return deployment


def _make_steps(
    deployment: Deployment, *, at: StepName | None, logs: Mapping[str, str], begun: dt.datetime
) -> None:
    names = STEPS[Deployment.Kind(deployment.kind)]
    reached = {DeploymentState.RUNNING: StepState.RUNNING, DeploymentState.FAILED: StepState.FAILED}
    is_live = deployment.state == DeploymentState.SUCCEEDED
    state = StepState.SUCCEEDED if is_live or at is not None else StepState.PENDING
    for position, name in enumerate(names):
        if name == at:
            state = reached[DeploymentState(deployment.state)]
        started = begun + dt.timedelta(seconds=2 * position)
        ended = state in (StepState.SUCCEEDED, StepState.FAILED)
        log = logs.get(name, "") if state != StepState.PENDING else ""
        Step.objects.create(
            deployment=deployment,
            name=name,
            position=position,
            state=state,
            log=log,
            log_offset=len(log.encode()),
            started_at=None if state == StepState.PENDING else started,
            finished_at=started + dt.timedelta(seconds=1.7) if ended else None,
        )
        if name == at:
            state = StepState.PENDING


def make_live(owner: User, name: str = "bakery", **fields: Any) -> Deployment:
    application = make_application(owner, name, **fields)
    EnvironmentVariable.objects.create(application=application, name="STRIPE_KEY", value="sk_live_1")
    return make_deployment(make_instance(application, InstanceState.RUNNING), DeploymentState.SUCCEEDED)


def make_running(owner: User, name: str = "orchard", *, at: StepName = StepName.INSTALL) -> Deployment:
    application = make_application(owner, name)
    return make_deployment(make_instance(application, InstanceState.RUNNING), DeploymentState.RUNNING, at=at)


def make_queued(owner: User, name: str = "library") -> Deployment:
    application = make_application(owner, name)
    return make_deployment(make_instance(application, InstanceState.REQUESTED), DeploymentState.QUEUED)


def make_failed(owner: User, name: str = "newsroom") -> Deployment:
    """Failed at install, with the installer's own words."""
    application = make_application(owner, name)
    return make_deployment(
        make_instance(application, InstanceState.RUNNING),
        DeploymentState.FAILED,
        at=StepName.INSTALL,
        logs={**LOGS, "install": PIP_LOG},
        reason="The requirements cannot be installed: there is no version of django-nonesuch==9.9.",
        remedy="Correct the line in requirements.txt, push, and deploy again.",
    )


def make_refused(owner: User, name: str = "surgery") -> Deployment:
    """Ended by preflight with a mistake in the layout: nothing was launched."""
    application = make_application(owner, name, project_name="surgery")
    return make_deployment(
        make_instance(application, InstanceState.FAILED),
        DeploymentState.FAILED,
        at=StepName.PREFLIGHT,
        reason="The repository has no directory named surgery with a manage.py in it.",
        remedy="It has clinic: make a new application with that project name.",
        findings=[
            {
                "code": "project-missing",
                "level": "error",
                "message": "There is no surgery/manage.py.",
                "remedy": "manage.py stands in clinic/. Use clinic as the project name.",
                "path": "clinic/manage.py",
                "line": 0,
            }
        ],
    )


def make_asking(owner: User, name: str = "gallery") -> Deployment:
    """Ended by preflight with questions that its page asks."""
    application = make_application(owner, name, project_name="gallery")
    return make_deployment(
        make_instance(application, InstanceState.FAILED),
        DeploymentState.FAILED,
        at=StepName.PREFLIGHT,
        reason="The settings read two environment variables that have no value yet.",
        remedy="Give them below, and deploy again.",
        facts={"required_environment": ["MAPS_KEY", "DATABASE_URL"], "settings_candidates": []},
        findings=[
            {
                "code": "environment-required",
                "level": "error",
                "message": "MAPS_KEY and DATABASE_URL are read without a default.",
                "remedy": "Give them a value on this page.",
                "path": "gallery/gallery/settings.py",
                "line": 41,
            }
        ],
    )


PLAN = [
    {
        "app": "bakery",
        "name": "0007_drop_price",
        "operations": ["Remove field price from loaf", "Python: fill_tariffs"],
        "flags": [
            {"kind": "drop", "text": "Drops the column price of bakery_loaf."},
            {
                "kind": "opaque",
                "text": "Python: fill_tariffs, code of the project: what it changes is not known.",
            },
            {"kind": "irreversible", "text": "Python: fill_tariffs"},
        ],
        "reversible": False,
    },
    {
        "app": "bakery",
        "name": "0008_loaf_flour",
        "operations": ["Add field flour to loaf"],
        "flags": [],
        "reversible": True,
    },
]


def make_waiting(owner: User, name: str = "brewery") -> Deployment:
    """Its migrations wait to be confirmed, and the release before it still serves."""
    live = make_live(owner, name, confirm_migrations=True)
    return make_deployment(
        live.instance,
        DeploymentState.FAILED,
        at=StepName.MIGRATE,
        kind=Deployment.Kind.LATER,
        reason="The migrations wait for a confirmation: Drops the column price of bakery_loaf.",
        remedy="Look at the migrations on the page of this deployment, and deploy with them.",
        failure_code="migrations-unconfirmed",
        plan=PLAN,
    )


def make_stopped(owner: User, name: str = "winery") -> Deployment:
    application = make_application(owner, name)
    return make_deployment(make_instance(application, InstanceState.STOPPED), DeploymentState.SUCCEEDED)


def make_terminating(owner: User, name: str = "cinema") -> Deployment:
    application = make_application(owner, name, terminate_requested_at=timezone.now())
    return make_deployment(make_instance(application, InstanceState.SHUTTING_DOWN), DeploymentState.SUCCEEDED)


def make_terminated(owner: User, name: str = "atelier") -> Deployment:
    application = make_application(owner, name, terminate_requested_at=timezone.now())
    return make_deployment(make_instance(application, InstanceState.TERMINATED), DeploymentState.SUCCEEDED)


def make_cancelled(owner: User, name: str = "tannery") -> Deployment:
    application = make_application(owner, name)
    return make_deployment(
        make_instance(application, InstanceState.FAILED),
        DeploymentState.CANCELLED,
        reason="Cancelled before it began.",
    )


def make_serving_after_failure(owner: User, name: str = "harbour") -> Deployment:
    """The newest deployment failed, and the release before it still serves."""
    live = make_live(owner, name, description="The harbour master's notices.\n\nAsk Ines before changing it.")
    return make_deployment(
        live.instance,
        DeploymentState.FAILED,
        at=StepName.HEALTH,
        kind=Deployment.Kind.LATER,
        logs={**LOGS, "health": "GET / -> 500 in 80 ms\nKeyError: 'tide'\n"},
        reason="The site answered 500: KeyError: 'tide'.",
        remedy="The traceback is in the step's log. The release before it still serves.",
    )


EVERY_STATE = (
    make_asking,
    make_cancelled,
    make_failed,
    make_live,
    make_queued,
    make_refused,
    make_running,
    make_serving_after_failure,
    make_stopped,
    make_terminated,
    make_terminating,
    make_waiting,
)


def make_every_state(owner: User) -> dict[str, Deployment]:
    """By the name of the application."""
    deployments = [make(owner) for make in EVERY_STATE]
    return {deployment.application.name: deployment for deployment in deployments}


def make_delivery(application: Application, **fields: Any) -> Delivery:
    """A push to its branch that waits, unless something else is said."""
    values: dict[str, Any] = {
        "sender": Sender.GITHUB,
        "identifier": f"72d3162e-cc78-11e3-81ab-{Delivery.objects.count():012}",
        "event": "push",
        "ref": "refs/heads/main",
        "commit": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
        "pusher": "ines",
        "message": "Add opening hours to the front page",
        "repository": f"example/{application.name}",
        "outcome": Delivery.Outcome.WAITING,
    }
    return Delivery.objects.create(application=application, **{**values, **fields})

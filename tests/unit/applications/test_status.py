"""The status of an application: kept on its row, and the same as what its records say."""

import itertools
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.applications.states import RULES, Status, status_of, with_facts
from ecdeployer.deployments import endings
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState

from tests import portal_records as records


def status(application: Application) -> tuple[str, bool]:
    application.refresh_from_db()
    return application.status, application.serves


@pytest.mark.django_db
def test_every_pair_of_states_has_a_status(ines: User) -> None:
    """Asked to be terminated or not."""
    for deployment, instance, asked in itertools.product(DeploymentState, InstanceState, (False, True)):
        application = Application.objects.create(
            owner=ines, name=f"{deployment}-{instance}-{asked}", project_name="shop",
            github_url="https://github.com/o/r", terminate_requested_at=timezone.now() if asked else None,
        )  # fmt: skip
        machine = Instance.objects.create(application=application, state=instance)
        Deployment.objects.create(application=application, instance=machine, number=1, state=deployment)
    found = {row.name: status_of(row) for row in with_facts(Application.objects.all())}
    assert len(found) == len(DeploymentState) * len(InstanceState) * 2
    assert set(found.values()) == {*(rule.status for rule in RULES), Status.FAILED}
    assert found["succeeded-running-False"] == Status.LIVE
    assert found["failed-running-False"] == Status.FAILED
    assert found["running-terminated-False"] == Status.DEPLOYING
    assert found["running-terminated-True"] == Status.TERMINATED


def test_an_application_without_anything_has_failed() -> None:
    nothing = SimpleNamespace(
        terminate_requested_at=None, deployment_state=None, instance_state=None, is_served=False
    )
    assert status_of(nothing) == "failed"


@pytest.mark.django_db
def test_the_row_follows_every_move(ines: User, messages: list[object]) -> None:
    application = actions.create_application(
        owner=ines, by=ines, trigger=Deployment.Trigger.PAGE, environment={}, name="shop",
        project_name="shop", github_url="https://github.com/o/r", instance_type="t3.micro",
    )  # fmt: skip
    assert status(application) == ("queued", False)
    deployment = application.deployments.get()
    deployment.move(DeploymentState.RUNNING)
    assert status(application) == ("deploying", False)
    instance = deployment.instance
    for state in (InstanceState.LAUNCHING, InstanceState.PENDING, InstanceState.RUNNING):
        instance.move(state)
    before = application.revision
    endings.succeed(deployment)
    assert status(application) == ("live", True)
    assert application.revision > before
    instance.move(InstanceState.STOPPED)
    assert status(application) == ("stopped", False)
    instance.move(InstanceState.RUNNING)
    actions.deploy_again(application, by=ines, trigger=Deployment.Trigger.PAGE)
    assert status(application) == ("queued", True)
    actions.cancel(application, by=ines)
    assert status(application) == ("live", True)
    actions.terminate(application, by=ines)
    assert status(application) == ("terminating", True)
    instance.move(InstanceState.TERMINATED)
    assert status(application) == ("terminated", False)


@pytest.mark.django_db
def test_a_move_that_came_too_late_changes_nothing(ines: User) -> None:
    deployment = records.make_running(ines)
    late = Deployment.objects.get(pk=deployment.pk)
    endings.succeed(deployment)
    assert not late.move(DeploymentState.FAILED)
    assert status(deployment.application) == ("live", True)


@pytest.mark.django_db
def test_the_command_finds_a_row_that_says_something_else_and_mends_it(ines: User) -> None:
    records.make_every_state(ines)
    told = StringIO()
    call_command("check_status", stdout=told)
    assert "Every row says what is true." in told.getvalue()
    Application.objects.filter(name="bakery").update(status=Status.QUEUED)
    with pytest.raises(CommandError, match="1 of the rows differ"):
        call_command("check_status", stdout=told)
    assert "bakery: should be live" in told.getvalue()
    call_command("check_status", "--mend", stdout=told)
    assert Application.objects.get(name="bakery").status == Status.LIVE
    assert not list(Application.objects.stale())

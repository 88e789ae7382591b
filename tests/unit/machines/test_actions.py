"""What may be asked of a machine, and what is refused with its reason."""

from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.accounts import limits
from ecdeployer.applications import actions as applications
from ecdeployer.applications.models import Application
from ecdeployer.commands import actions as commands
from ecdeployer.deployments.actions import RefusedError
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.instances import prices
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from ecdeployer.machines import actions
from ecdeployer.machines.models import Change
from pytest_django import Settings

from tests import portal_records as records


def test_a_change_is_a_row_an_event_and_a_message(
    bakery: Application, messages: list[tuple[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        change = actions.stop(bakery, by=bakery.owner)
    assert (change.kind, change.state) == ("stop", "running")
    assert ("ecdeployer.machines.tasks.advance", [str(change.pk)]) in messages
    event = bakery.events.get(subject="machine")
    assert (event.verb, event.actor) == ("stop", bakery.owner)


@pytest.mark.parametrize(
    ("state", "act", "said"),
    [
        (
            InstanceState.STOPPED,
            "stop",
            "The machine is stopped: only one that is running can be asked to stop",
        ),
        (InstanceState.RUNNING, "start", "only one that is stopped"),
        (InstanceState.STOPPED, "reboot", "only one that is running"),
        (InstanceState.PENDING, "stop", "The machine is pending"),
        (InstanceState.TERMINATED, "start", "There is no machine"),
        (InstanceState.SHUTTING_DOWN, "reboot", "There is no machine"),
    ],
)
def test_a_state_that_does_not_allow_it(
    bakery: Application, state: InstanceState, act: str, said: str
) -> None:
    Instance.objects.update(state=state)
    with pytest.raises(RefusedError, match=said):
        getattr(actions, act)(bakery, by=None)


def test_one_change_at_a_time(bakery: Application) -> None:
    actions.reboot(bakery, by=None)
    with pytest.raises(RefusedError, match="changed already"):
        actions.stop(bakery, by=None)


def test_an_unfinished_deployment_or_command_comes_first(bakery: Application, instance: Instance) -> None:
    commands.manage(bakery, ["check"], by=None)
    with pytest.raises(RefusedError, match="A command is not finished"):
        actions.stop(bakery, by=None)
    records.make_deployment(instance, DeploymentState.QUEUED, kind=Deployment.Kind.LATER)
    with pytest.raises(RefusedError, match="Deployment 2 is not finished"):
        actions.stop(bakery, by=None)


def test_meanwhile_nothing_is_deployed_and_no_command_runs(bakery: Application) -> None:
    actions.stop(bakery, by=None)
    with pytest.raises(RefusedError, match="changed at the moment"):
        applications.deploy_again(bakery, by=None, trigger=Deployment.Trigger.PAGE)
    with pytest.raises(commands.RefusedError, match="changed at the moment"):
        commands.manage(bakery, ["check"], by=None)


def test_an_application_that_ends_is_left_alone(bakery: Application) -> None:
    Application.objects.update(terminate_requested_at=timezone.now())
    with pytest.raises(RefusedError, match="terminated"):
        actions.stop(bakery, by=None)


@pytest.mark.parametrize(
    ("wanted", "said"), [("t3.micro", "is a t3.micro already"), ("x9.huge", "Found 'x9.huge'. Choose one of")]
)
def test_a_type_that_is_none_to_choose(bakery: Application, wanted: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        actions.resize(bakery, wanted, by=None)


def test_a_larger_type_counts_against_the_limit_and_a_smaller_one_does_not(
    bakery: Application, settings: Settings
) -> None:
    settings.MONTHLY_USD_PER_OWNER = 14
    with pytest.raises(RefusedError, match="with this one it is"):
        actions.resize(bakery, "t3.small", by=None)
    Instance.objects.update(instance_type="t3.small")
    assert actions.resize(bakery, "t3.micro", by=None).from_type == "t3.small"
    assert Change.objects.count() == 1


def test_a_stopped_machine_stays_stopped_when_it_is_resized(bakery: Application) -> None:
    Instance.objects.update(state=InstanceState.STOPPED)
    assert not actions.resize(bakery, "t3.small", by=None).restarts


def test_what_is_being_resized_counts_as_the_dearer_type(bakery: Application, settings: Settings) -> None:
    """Two who ask one after the other do not see the same money."""
    other = records.make_live(bakery.owner, "other").application
    small, micro = (prices.monthly(name, region="eu-west-1") or 0 for name in ("t3.small", "t3.micro"))
    settings.MONTHLY_USD_PER_OWNER = small + micro
    actions.resize(bakery, "t3.small", by=None)
    with pytest.raises(RefusedError, match="with this one it is"):
        actions.resize(other, "t3.small", by=None)
    assert limits.of(bakery.owner).used_monthly_usd == small + micro
    Change.objects.update(state="failed")
    assert limits.of(bakery.owner).used_monthly_usd == 2 * micro

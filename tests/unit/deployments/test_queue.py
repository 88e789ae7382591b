"""One deployment of an application runs, and the newest one waits."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.accounts import limits
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.deployments import claims, deadlines, endings
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState

from tests.unit.deployments.world import COMMIT, World

PAGE = Deployment.Trigger.PAGE


def again(application: Application, **asked: Any) -> Deployment:
    return actions.deploy_again(application, by=None, trigger=PAGE, **asked)


def live(deployment: Deployment, world: World) -> Deployment:
    """Brought live with the commit that the world has."""
    advance(deployment.pk)
    Instance.objects.update(state=InstanceState.RUNNING, ec2_id="i-0abc", public_ip="203.0.113.7")
    deployment.refresh_from_db()
    assert endings.succeed(deployment)
    world.clone.reset_mock()
    return deployment


def test_what_waits_is_looked_at_when_the_other_has_ended(booting: Deployment, world: World) -> None:
    waiting = again(booting.application)
    assert (advance(waiting.pk) or timedelta(0)) > timedelta(seconds=9)
    waiting.refresh_from_db()
    assert waiting.state == DeploymentState.QUEUED
    world.clone.assert_not_called()
    endings.fail(booting, StepName.BOOT, code="boot-timeout", reason="It did not end in time.")
    assert list(claims.due(timezone.now())) == [waiting]
    advance(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == DeploymentState.RUNNING


def test_patience_begins_when_nothing_is_in_the_way(booting: Deployment, world: World) -> None:
    waiting = again(booting.application)
    Deployment.objects.filter(pk=waiting.pk).update(deadline=timezone.now() - timedelta(minutes=1))
    advance(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == DeploymentState.QUEUED
    assert waiting.deadline is not None
    assert waiting.deadline > timezone.now() + deadlines.QUEUE - timedelta(minutes=1)


def test_two_workers_begin_only_one(
    booting: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check passes where the other begins in that very moment; the constraint does not."""
    waiting = again(booting.application)
    monkeypatch.setattr("ecdeployer.deployments.provisioning._is_behind", lambda _: False)
    assert (advance(waiting.pk) or timedelta(0)) > timedelta(seconds=9)
    waiting.refresh_from_db()
    assert waiting.state == DeploymentState.QUEUED


def test_what_waited_for_a_launch_goes_to_the_machine_by_command(booting: Deployment, world: World) -> None:
    Instance.objects.update(ec2_id=None)
    waiting = again(booting.application)
    assert waiting.kind == Deployment.Kind.FIRST
    Instance.objects.update(ec2_id="i-0abc")
    assert endings.succeed(booting)
    advance(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.kind == Deployment.Kind.LATER
    assert not waiting.steps.filter(name__in=[StepName.LAUNCH, StepName.BOOT]).exists()


def test_what_waited_for_a_launch_that_failed_gets_a_machine_of_its_own(
    deployment: Deployment, world: World
) -> None:
    advance(deployment.pk)
    waiting = again(deployment.application)
    deployment.refresh_from_db()
    endings.fail(deployment, StepName.LAUNCH, code="capacity", reason="None is free.")
    advance(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == DeploymentState.RUNNING
    assert waiting.instance_id != deployment.instance_id
    assert waiting.instance.state == InstanceState.REQUESTED


def test_a_limit_that_was_reached_meanwhile_is_said(
    deployment: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance(deployment.pk)
    waiting = again(deployment.application)
    deployment.refresh_from_db()
    endings.fail(deployment, StepName.LAUNCH, code="capacity", reason="None is free.")
    monkeypatch.setattr(limits, "refusal", lambda *_: "You have 10 of 10 machines.")
    assert advance(waiting.pk) is None
    waiting.refresh_from_db()
    assert (waiting.failure_code, waiting.reason) == ("no-machine", "You have 10 of 10 machines.")


def test_the_live_commit_is_not_deployed_by_accident(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    accident = again(deployment.application)
    assert advance(accident.pk) is None
    accident.refresh_from_db()
    assert (accident.state, accident.failure_code) == (DeploymentState.SKIPPED, "already-live")
    choice = again(deployment.application, again=True)
    assert advance(choice.pk) == timedelta(0)
    choice.refresh_from_db()
    assert (choice.state, choice.base_sha) == (DeploymentState.RUNNING, COMMIT.sha)


def test_the_live_commit_with_another_environment_is_no_accident(
    deployment: Deployment, world: World
) -> None:
    live(deployment, world)
    actions.set_environment(deployment.application, by=None, values={"SHORT": "cd"})
    changed = again(deployment.application)
    assert advance(changed.pk) == timedelta(0)


def test_a_commit_that_was_given_is_the_one_that_is_read(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    given = again(deployment.application, commit="d" * 40)
    advance(given.pk)
    assert world.clone.call_args.kwargs["commit"] == "d" * 40


def test_going_back_is_one_command_and_reads_no_repository(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    newer = again(deployment.application, again=True)
    advance(newer.pk)
    newer.refresh_from_db()
    assert endings.succeed(newer)
    world.clone.reset_mock()
    world.write.reset_mock()
    back = actions.roll_back(deployment, by=None, trigger=PAGE)
    advance(back.pk)
    (_, parameters), _ = world.send.call_args
    assert (parameters.rollback_to, parameters.release) == ("000001", "000001")
    assert (parameters.deployment, parameters.commit) == (str(back.pk), COMMIT.sha)
    world.clone.assert_not_called()
    world.write.assert_not_called()


def test_a_release_whose_machine_has_gone_does_not_come_back(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    newer = again(deployment.application, again=True)
    advance(newer.pk)
    newer.refresh_from_db()
    assert endings.succeed(newer)
    back = actions.roll_back(deployment, by=None, trigger=PAGE)
    Instance.objects.update(state=InstanceState.TERMINATED)
    assert advance(back.pk) is None
    back.refresh_from_db()
    assert (back.failed_step, back.failure_code) == ("start", "no-machine")

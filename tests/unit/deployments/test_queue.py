"""One deployment of an application runs, and the newest one waits."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.accounts import limits
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.applications.questions import answer_form
from ecdeployer.deployments import configuration, deadlines, endings, releases
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import UNFINISHED, DeploymentState, StepName
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from ecdeployer.preflight.findings import Finding
from ecdeployer.preflight.reading import Report
from pytest_django import DjangoAssertNumQueries, Settings

from ecdeployer import claims
from tests.unit.deployments.world import COMMIT, FACTS, World

PAGE = Deployment.Trigger.PAGE
ASKS = Finding(
    code="environment-required", level="error", message="MAPS_KEY is read.", remedy="Give it a value."
)
ASKING = Report(findings=(ASKS,), facts=replace(FACTS, required_environment=("MAPS_KEY",)))


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
    assert list(claims.due(Deployment.objects.filter(state__in=UNFINISHED), timezone.now())) == [waiting]
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


def test_what_is_saved_is_live_with_the_deployment_that_took_it(
    deployment: Deployment, world: World, settings: Settings
) -> None:
    application = deployment.application
    assert configuration.is_live(application.pk)
    live(deployment, world)
    assert configuration.is_live(application.pk)
    actions.set_environment(application, by=None, values={"SHORT": "cd"})
    assert not configuration.is_live(application.pk)
    actions.set_environment(application, by=None, values={"SHORT": "ab"})
    assert configuration.is_live(application.pk)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key" * 6
    assert configuration.is_live(application.pk)
    actions.set_environment(application, by=None, values={"SHORT": None})
    assert not configuration.is_live(application.pk)
    applied = actions.apply_environment(application, by=None, trigger=PAGE)
    advance(applied.pk)
    # Saved after the repository was read, and before the machine got its variables.
    actions.set_environment(application, by=None, values={"LATE": "yes"})
    advance(applied.pk)
    applied.refresh_from_db()
    assert world.write.call_args.args[1]["LATE"] == "yes"
    assert endings.succeed(applied)
    assert configuration.is_live(application.pk)


def test_going_back_brings_the_environment_of_then(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    actions.set_environment(deployment.application, by=None, values={"SHORT": "cd"})
    newer = again(deployment.application)
    advance(newer.pk)
    newer.refresh_from_db()
    assert endings.succeed(newer)
    assert configuration.is_live(deployment.application_id)
    back = actions.roll_back(deployment, by=None, trigger=PAGE)
    advance(back.pk)
    back.refresh_from_db()
    assert endings.succeed(back)
    assert not configuration.is_live(deployment.application_id)


def test_whether_it_is_live_is_one_query(
    deployment: Deployment, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    live(deployment, world)
    with django_assert_num_queries(1):
        configuration.is_live(deployment.application_id)


def test_applying_takes_the_commit_that_is_live_when_it_begins(deployment: Deployment, world: World) -> None:
    """A push ran when it was asked for: its commit is not thrown out by the one from before."""
    live(deployment, world)
    pushed = again(deployment.application, commit="d" * 40)
    world.clone.return_value = replace(COMMIT, sha="d" * 40)
    advance(pushed.pk)
    applied = actions.apply_environment(deployment.application, by=None, trigger=PAGE)
    assert applied.commit_sha == COMMIT.sha
    pushed.refresh_from_db()
    assert endings.succeed(pushed)
    world.clone.reset_mock()
    advance(applied.pk)
    assert world.clone.call_args.kwargs["commit"] == "d" * 40


def test_a_push_that_needs_a_variable_leaves_the_site_and_asks(deployment: Deployment, world: World) -> None:
    live(deployment, world)
    world.read.return_value = ASKING
    world.clone.return_value = replace(COMMIT, sha="d" * 40)
    pushed = again(deployment.application, commit="d" * 40)
    assert advance(pushed.pk) is None
    pushed.refresh_from_db()
    assert (pushed.state, pushed.failed_step) == (DeploymentState.FAILED, StepName.PREFLIGHT)
    world.send.assert_not_called()
    world.write.assert_not_called()
    asked = answer_form(pushed)
    assert asked is not None
    assert asked.names == ["MAPS_KEY"]
    assert releases.live(deployment.application) == deployment


def test_a_first_deployment_that_needs_a_variable_launches_nothing(
    deployment: Deployment, world: World
) -> None:
    world.read.return_value = ASKING
    assert advance(deployment.pk) is None
    deployment.refresh_from_db()
    world.launch.assert_not_called()
    world.write.assert_not_called()
    assert deployment.instance.state == InstanceState.FAILED
    assert answer_form(deployment) is not None


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

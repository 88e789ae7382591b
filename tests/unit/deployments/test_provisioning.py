from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application, DeployKey
from ecdeployer.aws.command_ends import ENDS
from ecdeployer.aws.errors import AWSError
from ecdeployer.deployments import health, releases, reports, watching
from ecdeployer.deployments.configuration import configuration_of
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.parameters import check_token, parameters_of, report_token
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import DeploymentState, StepState
from ecdeployer.git import keys
from ecdeployer.git.repository import Commit, GitError
from ecdeployer.instances.commands import CommandOutcome
from ecdeployer.instances.models import Instance
from ecdeployer.instances.provisioning import LaunchFailedError, LaunchPausedError
from ecdeployer.instances.states import InstanceState
from ecdeployer.preflight.reading import Report
from ecdeployer.preflight.sandbox import ReadingError

from tests.unit.deployments.world import BAD, COMMIT, ERROR, FACTS, GOOD, PAIR, WARNING, World

StepOf = Callable[[str], Step]


def reload(deployment: Deployment) -> Deployment:
    return Deployment.objects.select_related("instance", "application").get(pk=deployment.pk)


def silent(deployment: Deployment, **changes: Any) -> None:
    """The machine was heard long ago."""
    past = timezone.now() - timedelta(minutes=2)
    Deployment.objects.filter(pk=deployment.pk).update(heard_at=past, **changes)


def test_a_repository_that_is_fine_is_pinned(deployment: Deployment, world: World, step_of: StepOf) -> None:
    assert advance(deployment.pk) == timedelta(0)
    found = reload(deployment)
    assert found.state == DeploymentState.RUNNING
    assert (found.commit_sha, found.branch, found.commit_subject) == ("c" * 40, "main", "Say hello")
    assert found.findings[0]["code"] == "debug-on"
    assert step_of("preflight").state == StepState.SUCCEEDED
    assert step_of("preflight").message == "1 warning"
    assert world.read.call_args.kwargs["environment"] == {"DATABASE_PASSWORD", "SHORT"}
    world.launch.assert_not_called()


@pytest.fixture
def private(application: Application) -> Application:
    DeployKey.objects.create(application=application, public=PAIR.public)
    return application


def test_a_private_repository_is_read_with_its_key(
    deployment: Deployment, world: World, private: Application
) -> None:
    assert advance(deployment.pk) == timedelta(0)
    key = world.clone.call_args.kwargs["key"]
    assert key.private == PAIR.private
    assert key.known_hosts.startswith("github.com ssh-ed25519 ")
    assert PAIR.private not in repr(key)
    world.read_key.assert_called_once()


def test_a_public_one_costs_no_question_to_parameter_store(deployment: Deployment, world: World) -> None:
    advance(deployment.pk)
    assert world.clone.call_args.kwargs["key"] is None
    world.read_key.assert_not_called()


@pytest.mark.parametrize("stored", [keys.make_pair(comment="another").private, "no key", None])
def test_a_private_half_that_is_not_the_pages_ends_it(
    deployment: Deployment, world: World, private: Application, stored: str | None
) -> None:
    world.read_key.return_value = stored
    if stored is None:
        world.read_key.side_effect = AWSError(code="ParameterNotFound", message="", kind="not-found")
    assert advance(deployment.pk) is None
    found = reload(deployment)
    assert found.failure_code == "deploy-key-lost"
    assert "Make a new key" in found.remedy
    world.clone.assert_not_called()


def test_a_parameter_store_that_is_away_is_waited_for(
    deployment: Deployment, world: World, private: Application, step_of: StepOf
) -> None:
    world.read_key.side_effect = AWSError(code="X", message="Away.", kind="unavailable", retryable=True)
    assert advance(deployment.pk)
    assert "tried again by itself" in step_of("preflight").message
    world.read_key.side_effect = AWSError(code="AccessDenied", message="No.", kind="denied")
    Deployment.objects.update(claimed_until=None)
    assert advance(deployment.pk) is None
    assert reload(deployment).failure_code == "aws-denied"


def test_the_machine_is_told_where_its_key_is_and_may_read_it(
    deployment: Deployment, world: World, private: Application
) -> None:
    order: list[str] = []
    world.share_key.side_effect = lambda _: order.append("share")
    world.write.side_effect = lambda *_: order.append("write")
    advance(deployment.pk)
    advance(deployment.pk)
    advance(deployment.pk)
    told = parameters_of(reload(deployment))
    assert told.repository == "ssh://git@github.com/alice/site.git"
    assert told.deploy_key == f"/ecdeployer/{private.pk}/deploy-key"
    assert told.known_hosts.startswith("github.com ")
    assert PAIR.private not in told.to_json()
    # The clone comes first on the machine.
    assert order == ["share", "write"]


def test_a_finding_ends_it_with_nothing_launched(
    deployment: Deployment, world: World, step_of: StepOf
) -> None:
    world.read.return_value = Report(findings=(WARNING, ERROR), facts=None)
    assert advance(deployment.pk) is None
    found = reload(deployment)
    assert found.state == DeploymentState.FAILED
    assert (found.failed_step, found.failure_code) == ("preflight", "project-missing")
    assert (found.reason, found.remedy) == ("There is no mysite.", "Rename it.")
    assert len(found.findings) == 2
    assert found.instance.state == InstanceState.FAILED
    assert advance(deployment.pk) is None
    world.launch.assert_not_called()


def test_the_developers_answer_names_the_settings_module(
    application: Application, deployment: Deployment, world: World
) -> None:
    actions.set_environment(application, by=None, values={"DJANGO_SETTINGS_MODULE": "mysite.settings.prod"})
    advance(deployment.pk)
    assert world.read.call_args.kwargs["settings_module"] == "mysite.settings.prod"
    advance(deployment.pk)
    assert "DJANGO_SETTINGS_MODULE" not in world.write.call_args.args[1]


def test_a_reader_that_meets_its_limits_ends_it(deployment: Deployment, world: World) -> None:
    world.read.side_effect = ReadingError("the reader took more than 30 s")
    assert advance(deployment.pk) is None
    assert reload(deployment).failure_code == "preflight-unreadable"
    assert "30 s" not in reload(deployment).reason


def test_git_is_tried_again_until_its_patience_ends(
    deployment: Deployment, world: World, step_of: StepOf
) -> None:
    world.clone.side_effect = GitError(
        code="git-unreachable", message="github.com does not answer.", retryable=True, log="fatal: no"
    )
    pause = advance(deployment.pk)
    assert pause is not None
    assert pause > timedelta(seconds=1)
    assert "tried again" in step_of("preflight").message
    past = timezone.now() - timedelta(seconds=90)
    deployment.steps.filter(name="preflight").update(started_at=past)
    assert advance(deployment.pk) is None
    assert reload(deployment).failure_code == "git-unreachable"
    assert step_of("preflight").log == "fatal: no"


def test_launching_tells_the_machine_everything_and_stores_no_token(
    deployment: Deployment, world: World, step_of: StepOf
) -> None:
    advance(deployment.pk)
    advance(deployment.pk)
    assert step_of("launch").state == StepState.SUCCEEDED
    assert step_of("boot").state == StepState.RUNNING
    found = reload(deployment)
    token = report_token(found)
    assert found.report_token_hash == reports.hash_of(token)
    assert token not in str(vars(found))
    values = world.write.call_args.args[1]
    assert values["DATABASE_PASSWORD"] == "hunter-two"
    assert values["ECDEPLOYER_SECRET_KEY"] == found.application.site_key.value
    assert world.user_data[:2] == b"\x1f\x8b"


def test_a_paused_launch_waits_and_says_why(deployment: Deployment, world: World, step_of: StepOf) -> None:
    advance(deployment.pk)
    world.launch.side_effect = LaunchPausedError("AWS asks us to slow down.", retry_in=7)
    pause = advance(deployment.pk)
    assert pause is not None
    assert timedelta(seconds=6) < pause <= timedelta(seconds=7)
    assert step_of("launch").message == "AWS asks us to slow down."
    assert reload(deployment).state == DeploymentState.RUNNING


def test_a_launch_that_cannot_be_fails(deployment: Deployment, world: World) -> None:
    advance(deployment.pk)
    world.launch.side_effect = LaunchFailedError(
        code="capacity", reason="AWS has no machine.", remedy="Choose another type.", log="zone a: none"
    )
    assert advance(deployment.pk) is None
    found = reload(deployment)
    assert (found.failed_step, found.failure_code, found.remedy) == (
        "launch",
        "capacity",
        "Choose another type.",
    )


def test_a_good_result_is_live_when_the_address_answers(
    booting: Deployment, world: World, step_of: StepOf
) -> None:
    Deployment.objects.filter(pk=booting.pk).update(result=GOOD)
    world.ask.return_value = health.Health("address-unreachable", "It does not answer.")
    assert advance(booting.pk) is not None
    assert step_of("health").message == "It does not answer."
    world.ask.return_value = health.Health()
    assert advance(booting.pk) is None
    found = reload(booting)
    assert found.state == DeploymentState.SUCCEEDED
    assert found.report_token_hash == ""
    assert step_of("health").state == StepState.SUCCEEDED
    assert step_of("clone").state == StepState.SKIPPED
    world.ask.assert_called_with("203.0.113.7", "/", check=check_token(found))


def test_an_address_that_never_answers_fails(booting: Deployment, world: World) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Deployment.objects.filter(pk=booting.pk).update(result=GOOD, deadline=past)
    assert advance(booting.pk) is None
    assert (reload(booting).failed_step, reload(booting).failure_code) == ("health", "address-unreachable")


def test_a_bad_result_has_its_step_reason_and_remedy(
    booting: Deployment, world: World, step_of: StepOf
) -> None:
    Deployment.objects.filter(pk=booting.pk).update(result=BAD)
    assert advance(booting.pk) is None
    found = reload(booting)
    assert (found.failed_step, found.reason) == ("install", "No such package.")
    assert "requirements" in found.remedy
    assert step_of("install").state == StepState.FAILED
    assert found.instance.state == InstanceState.RUNNING


def test_a_silent_machine_is_asked(booting: Deployment, world: World, step_of: StepOf) -> None:
    silent(booting)
    advance(booting.pk)
    world.status.assert_called_once()
    log = {"step": "install", "offset": 100, "next": 105, "text": "last\n"}
    world.status.return_value = {"events": [], "logs": [log], "changes": [], "result": BAD}
    advance(booting.pk)
    assert step_of("install").log == "[... 100 bytes did not arrive ...]\nlast\n"
    assert advance(booting.pk) is None
    assert reload(booting).failed_step == "install"


def test_a_machine_that_reports_is_left_alone(booting: Deployment, world: World) -> None:
    Deployment.objects.filter(pk=booting.pk).update(heard_at=timezone.now())
    pause = advance(booting.pk)
    assert pause is not None
    assert pause > timedelta(seconds=15)
    world.status.assert_not_called()


def test_a_boot_that_never_ends_shows_the_console(booting: Deployment, world: World, step_of: StepOf) -> None:
    Deployment.objects.filter(pk=booting.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    assert advance(booting.pk) is None
    found = reload(booting)
    assert (found.failed_step, found.failure_code) == ("boot", "boot-timeout")
    assert "panic: no ******" in step_of("boot").log


@pytest.mark.parametrize(
    ("state", "code"),
    [(InstanceState.TERMINATED, "instance-gone"), (InstanceState.STOPPED, "instance-stopped")],
)
def test_a_machine_that_left_ends_it(
    booting: Deployment, world: World, state: InstanceState, code: str
) -> None:
    Instance.objects.filter(pk=booting.instance_id).update(state=state)
    assert advance(booting.pk) is None
    assert (reload(booting).failure_code, reload(booting).failed_step) == (code, "boot")


def later(booting: Deployment) -> Deployment:
    """The next deployment on the machine that runs."""
    booting.move(DeploymentState.FAILED)
    deployment = actions.deploy_again(booting.application, by=None, trigger=Deployment.Trigger.PAGE)
    advance(deployment.pk)
    return deployment


@pytest.fixture
def switched(booting: Deployment, world: World) -> Deployment:
    """The next deployment: its machine serves it already, and the portal has not seen it live yet."""
    booting.move(DeploymentState.SUCCEEDED, facts=FACTS.to_dict())
    deployment = actions.deploy_again(booting.application, by=None, trigger=Deployment.Trigger.PAGE)
    advance(deployment.pk)
    advance(deployment.pk)
    Deployment.objects.filter(pk=deployment.pk).update(result=GOOD)
    return reload(deployment)


def overdue(deployment: Deployment) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Deployment.objects.filter(pk=deployment.pk).update(deadline=past)
    assert advance(deployment.pk) is None
    assert reload(deployment).state == DeploymentState.FAILED


def test_a_release_that_the_portal_does_not_see_live_gives_way_to_the_one_that_served(
    switched: Deployment, booting: Deployment, world: World
) -> None:
    overdue(switched)
    assert reload(switched).reason.endswith(" The release of deployment 1 comes back by itself.")
    back = switched.application.deployments.get(number=3)
    assert (back.kind, back.trigger, back.rolls_back_to) == ("rollback", "portal", booting)
    assert (back.state, back.created_by) == (DeploymentState.QUEUED, None)
    advance(back.pk)
    advance(back.pk)
    assert (world.send.call_args.args[1].rollback_to, reload(back).command_id) == ("000001", "command-1")
    Deployment.objects.filter(pk=back.pk).update(result=GOOD)
    overdue(back)
    assert switched.application.deployments.count() == 3


def test_so_does_one_whose_workers_end(switched: Deployment) -> None:
    Deployment.objects.filter(pk=switched.pk).update(attempt=99)
    assert advance(switched.pk) is None
    assert reload(switched).failure_code == "worker-lost"
    assert switched.application.deployments.get(number=3).rolls_back_to


def waiting_of(application: Application) -> list[tuple[int, str]]:
    waiting = application.deployments.filter(state=DeploymentState.QUEUED)
    return [(each.number, each.trigger) for each in waiting]


def test_what_waits_takes_its_place_itself_or_is_followed_by_the_return(
    switched: Deployment, world: World
) -> None:
    application = switched.application
    waiting = actions.deploy_again(application, by=None, trigger=Deployment.Trigger.PAGE)
    overdue(switched)
    assert "comes back" not in reload(switched).reason
    assert waiting_of(application) == [(3, "page")]
    world.read.return_value = Report(findings=(ERROR,), facts=None)
    assert advance(waiting.pk) is None
    assert waiting_of(application) == [(4, "portal")]


def test_so_it_is_when_somebody_calls_that_off(switched: Deployment) -> None:
    actions.deploy_again(switched.application, by=None, trigger=Deployment.Trigger.PAGE)
    overdue(switched)
    actions.cancel(switched.application, by=None)
    assert waiting_of(switched.application) == [(4, "portal")]


def test_what_the_records_call_live_is_deployed_where_another_serves(
    switched: Deployment, booting: Deployment, world: World
) -> None:
    live = reload(booting)
    Deployment.objects.filter(pk=live.pk).update(commit_sha=COMMIT.sha, configuration=configuration_of(live))
    Deployment.objects.filter(pk=switched.pk).update(commit_sha="d" * 40)
    webhook = Deployment.Trigger.WEBHOOK
    waiting = actions.deploy_again(live.application, by=None, trigger=webhook, commit=COMMIT.sha)
    overdue(switched)
    assert advance(waiting.pk) == timedelta(0)
    assert reload(waiting).state == DeploymentState.RUNNING


def test_a_person_may_go_back_to_it_as_well(switched: Deployment, booting: Deployment) -> None:
    overdue(switched)
    Deployment.objects.filter(number=3).update(state=DeploymentState.FAILED)
    assert releases.kept(switched.application) == [booting]
    asked = actions.roll_back(booting, by=None, trigger=Deployment.Trigger.PAGE)
    assert (asked.number, asked.rolls_back_to) == (4, booting)


def test_a_verdict_that_comes_as_it_is_given_up_counts(
    switched: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    Deployment.objects.filter(pk=switched.pk).update(result=None)
    look = watching.current_step

    def late(deployment: Deployment) -> Any:
        Deployment.objects.filter(pk=deployment.pk).update(result=GOOD)
        return look(deployment)

    monkeypatch.setattr(watching, "current_step", late)
    overdue(switched)
    assert waiting_of(switched.application) == [(3, "portal")]


def test_a_release_that_never_served_gives_way_to_nothing(booting: Deployment, world: World) -> None:
    deployment = later(booting)
    Deployment.objects.filter(pk=deployment.pk).update(result=GOOD)
    overdue(deployment)
    assert booting.application.deployments.count() == 2


def test_what_serves_already_is_not_called_off(switched: Deployment) -> None:
    with pytest.raises(actions.RefusedError, match="Deployment 2 serves already"):
        actions.cancel(switched.application, by=None)
    waiting = actions.deploy_again(switched.application, by=None, trigger=Deployment.Trigger.PAGE)
    actions.cancel(switched.application, by=None)
    assert reload(waiting).state == DeploymentState.CANCELLED
    assert reload(switched).state == DeploymentState.RUNNING
    actions.terminate(switched.application, by=None)
    assert reload(switched).state == DeploymentState.CANCELLED


def test_what_is_called_off_while_it_is_prepared_is_not_sent(booting: Deployment, world: World) -> None:
    deployment = later(booting)
    world.write.side_effect = lambda *_: actions.cancel(booting.application, by=None)
    assert advance(deployment.pk) is None
    world.send.assert_not_called()
    found = reload(deployment)
    assert (found.state, found.command_id, found.report_token_hash) == (DeploymentState.CANCELLED, "", "")


def test_a_later_deployment_goes_by_run_command(booting: Deployment, world: World) -> None:
    deployment = later(booting)
    advance(deployment.pk)
    assert reload(deployment).command_id == "command-1"
    sent = world.send.call_args.args[1]
    assert (sent.release, sent.commit) == ("000002", "c" * 40)
    world.launch.assert_not_called()
    advance(deployment.pk)
    world.send.assert_called_once()


def test_a_command_that_failed_without_a_result_ends_it(booting: Deployment, world: World) -> None:
    deployment = later(booting)
    advance(deployment.pk)
    silent(deployment)
    world.status.return_value = {"events": [], "logs": [], "changes": [], "result": None}
    end = ENDS["Failed"]
    world.outcome.return_value = CommandOutcome(state="Failed", exit_code=1, output="", end=end)
    assert advance(deployment.pk) is None
    assert (reload(deployment).failed_step, reload(deployment).failure_code) == ("clone", "command-failed")


def test_two_workers_never_have_it_at_once(deployment: Deployment, world: World) -> None:
    def meanwhile(*_: Any, **__: Any) -> Commit:
        assert advance(deployment.pk) is None
        return COMMIT

    world.clone.side_effect = meanwhile
    advance(deployment.pk)
    world.clone.assert_called_once()


def test_three_workers_that_die_are_enough(deployment: Deployment, world: World) -> None:
    world.clone.side_effect = SystemExit
    for _ in range(3):
        with pytest.raises(SystemExit):
            advance(deployment.pk)
        assert advance(deployment.pk) is None
        past = timezone.now() - timedelta(seconds=1)
        Deployment.objects.filter(pk=deployment.pk).update(claimed_until=past)
    assert advance(deployment.pk) is None
    assert reload(deployment).failure_code == "worker-lost"
    assert world.clone.call_count == 3


def test_an_error_that_nobody_foresaw_is_met_by_the_deadline(deployment: Deployment, world: World) -> None:
    world.clone.side_effect = ZeroDivisionError
    assert advance(deployment.pk) is not None
    assert reload(deployment).state == DeploymentState.RUNNING
    Deployment.objects.filter(pk=deployment.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    assert advance(deployment.pk) is None
    assert reload(deployment).failure_code == "preflight-timeout"


def test_a_result_that_comes_while_a_worker_looks_is_not_slept_over(
    booting: Deployment, world: World
) -> None:
    silent(booting)

    def arrive(*_: Any) -> None:
        now = timezone.now()
        Deployment.objects.filter(pk=booting.pk).update(result=GOOD, due_at=now)

    world.status.side_effect = arrive
    assert advance(booting.pk) == timedelta(0)


def test_a_terminated_application_is_deployed_no_further(
    application: Application, deployment: Deployment, world: World
) -> None:
    Application.objects.filter(pk=application.pk).update(terminate_requested_at=timezone.now())
    assert advance(deployment.pk) is None
    assert reload(deployment).state == DeploymentState.CANCELLED
    world.clone.assert_not_called()


def test_a_message_for_what_is_not_due_does_nothing(deployment: Deployment, world: World) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(due_at=timezone.now() + timedelta(seconds=5))
    assert advance(deployment.pk, only_if_due=True) is None
    world.clone.assert_not_called()

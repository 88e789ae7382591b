import uuid
from typing import Any

import pytest
from celery import current_app
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.deployments import releases
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import FIRST_DEPLOYMENT_STEPS, DeploymentState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

pytestmark = pytest.mark.django_db
PAGE = Deployment.Trigger.PAGE


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The messages that went to the broker."""
    messages: list[tuple[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: messages.append((name, args)))
    return messages


def create(owner: User, **changes: Any) -> Application:
    fields: dict[str, Any] = {
        "name": "site",
        "project_name": "mysite",
        "github_url": "https://github.com/alice/site",
        "branch": "main",
        "description": "",
        "instance_type": "t3.small",
        "health_path": "/",
        "environment": {"DATABASE_URL": "postgres://secret"},
    }
    return actions.create_application(owner=owner, by=owner, trigger=PAGE, **fields | changes)


def finish(application: Application, state: DeploymentState) -> Deployment:
    deployment = application.deployments.latest("number")
    deployment.move(DeploymentState.RUNNING)
    deployment.move(state)
    return deployment


def give_machine(application: Application, state: InstanceState = InstanceState.RUNNING) -> Instance:
    instance = application.instances.get()
    application.instances.update(state=state, ec2_id="i-0123456789abcdef0")
    instance.refresh_from_db()
    return instance


def test_one_request_writes_everything_and_sends_one_message(
    owner: User,
    sent: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        application = create(owner)
        assert sent == []
    deployment = application.deployments.get()
    assert (deployment.number, deployment.kind, deployment.state) == (1, "first", "queued")
    assert deployment.due_at is not None
    assert deployment.branch == "main"
    assert deployment.created_by == owner
    assert deployment.instance.state == InstanceState.REQUESTED
    assert deployment.instance.instance_type == "t3.small"
    assert [step.name for step in deployment.steps.all()] == list(FIRST_DEPLOYMENT_STEPS)
    assert application.environment.get().value == "postgres://secret"
    assert len(application.site_key.value) >= 50
    verbs = set(application.events.values_list("subject", "verb", "actor"))
    assert verbs == {
        ("application", "created", owner.pk),
        ("application", "environment changed", owner.pk),
        ("deployment 1", "queued", owner.pk),
    }
    assert sent == [("ecdeployer.deployments.tasks.advance", [str(deployment.pk)])]


def test_a_broker_that_is_down_fails_no_request(
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(current_app, "send_task", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        application = create(owner)
    assert application.deployments.get().state == DeploymentState.QUEUED


def test_the_same_submission_twice_makes_one_application(owner: User) -> None:
    submission = uuid.uuid4()
    assert create(owner, submission=submission) == create(owner, submission=submission, name="other")
    assert Deployment.objects.count() == Instance.objects.count() == 1


def test_deploying_again_uses_the_machine_that_is_there(owner: User) -> None:
    application = create(owner)
    finish(application, DeploymentState.FAILED)
    instance = give_machine(application)
    deployment = actions.deploy_again(application, by=owner, trigger=PAGE)
    assert (deployment.number, deployment.kind, deployment.instance) == (2, "later", instance)
    names = [step.name for step in deployment.steps.all()]
    assert names[:2] == ["preflight", "clone"]


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.TERMINATED])
def test_deploying_again_launches_where_there_is_no_machine(owner: User, state: InstanceState) -> None:
    application = create(owner)
    finish(application, DeploymentState.FAILED)
    old = give_machine(application, state)
    deployment = actions.deploy_again(application, by=owner, trigger=PAGE)
    assert deployment.kind == "first"
    assert deployment.instance != old
    assert application.instances.count() == 2


@pytest.mark.parametrize(
    "state", [InstanceState.STOPPED, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN]
)
def test_deploying_again_is_refused_on_a_machine_that_does_not_run(owner: User, state: InstanceState) -> None:
    application = create(owner)
    finish(application, DeploymentState.SUCCEEDED)
    give_machine(application, state)
    with pytest.raises(actions.RefusedError, match="instance is"):
        actions.deploy_again(application, by=owner, trigger=PAGE)


def test_a_newer_deployment_takes_the_place_of_the_one_that_waits(owner: User) -> None:
    application = create(owner)
    newer = actions.deploy_again(application, by=owner, trigger=PAGE, commit="a" * 40)
    first = application.deployments.get(number=1)
    assert (first.state, first.failure_code) == (DeploymentState.SKIPPED, "superseded")
    assert first.reason == "Deployment 2 took its place in the queue."
    assert (newer.kind, newer.instance, newer.commit_sha) == ("first", first.instance, "a" * 40)
    assert application.instances.count() == 1


def test_one_waits_while_another_runs(owner: User) -> None:
    application = create(owner)
    give_machine(application)
    running = application.deployments.get()
    running.move(DeploymentState.RUNNING)
    for _ in range(3):
        actions.deploy_again(application, by=owner, trigger=PAGE)
    states = list(application.deployments.order_by("number").values_list("state", flat=True))
    assert states == ["running", "skipped", "skipped", "queued"]


def test_going_back_to_a_release_that_is_kept(owner: User) -> None:
    application = create(owner)
    give_machine(application)
    first = finish(application, DeploymentState.SUCCEEDED)
    Deployment.objects.filter(pk=first.pk).update(commit_sha="b" * 40, commit_subject="The first")
    actions.deploy_again(application, by=owner, trigger=PAGE)
    second = finish(application, DeploymentState.SUCCEEDED)
    assert releases.kept(application) == [first]
    first.refresh_from_db()
    back = actions.roll_back(first, by=owner, trigger=PAGE)
    assert (back.kind, back.number, back.release) == ("rollback", 3, "000001")
    assert (back.commit_sha, back.commit_subject) == ("b" * 40, "The first")
    assert [step.name for step in back.steps.all()] == ["start", "health"]
    finish(application, DeploymentState.SUCCEEDED)
    assert releases.kept(application) == [second]


def test_going_back_is_refused_where_nothing_is_kept(owner: User) -> None:
    application = create(owner)
    give_machine(application)
    failed = finish(application, DeploymentState.FAILED)
    with pytest.raises(actions.RefusedError, match="deployment 1 is not kept"):
        actions.roll_back(failed, by=owner, trigger=PAGE)
    Deployment.objects.update(state=DeploymentState.SUCCEEDED)
    with pytest.raises(actions.RefusedError, match="deployment 1 is not kept"):
        actions.roll_back(application.deployments.get(), by=owner, trigger=PAGE)


def test_a_machine_that_is_to_end_takes_no_deployment(owner: User) -> None:
    application = create(owner)
    give_machine(application)
    actions.cancel(application, by=owner)
    with pytest.raises(actions.RefusedError, match="being terminated"):
        actions.deploy_again(application, by=owner, trigger=PAGE)


def test_the_environment_is_merged_and_its_history_names_no_value(owner: User) -> None:
    application = create(owner, environment={"KEEP": "kept-value", "GO": "gone-value", "CHANGE": "old-value"})
    values = {"GO": None, "CHANGE": "new-value", "NEW": "more-value", "KEEP": "kept-value", "NEVER": None}
    actions.set_environment(application, by=owner, values=values)
    assert dict(application.environment.values_list("name", "value")) == {
        "KEEP": "kept-value",
        "CHANGE": "new-value",
        "NEW": "more-value",
    }
    event = application.events.filter(verb="environment changed").latest("pk")
    assert event.detail == "CHANGE, GO, NEW"
    assert not application.events.filter(detail__contains="value").exists()


def test_an_environment_that_cannot_be_kept_is_refused_whole(owner: User) -> None:
    application = create(owner, environment={})
    with pytest.raises(actions.RefusedError):
        actions.set_environment(application, by=owner, values={"FINE": "1", "LD_PRELOAD": "/tmp/x.so"})
    assert not application.environment.exists()


def test_a_secret_is_shown_again_with_a_new_value_alone(owner: User) -> None:
    application = create(owner, environment={"KEY": "old-value", "MODE": "old-value"})
    with pytest.raises(actions.RefusedError, match="KEY: the value of a secret is not shown again"):
        actions.set_environment(application, by=owner, values={}, secret={"KEY": False})
    actions.set_environment(application, by=owner, values={"KEY": "new", "MODE": None}, secret={"KEY": False})
    variable = application.environment.get()
    assert (variable.name, variable.value, variable.secret, variable.changed_by) == (
        "KEY", "new", False, owner,
    )  # fmt: skip
    detail = application.events.filter(verb="environment changed").latest("pk").detail
    assert detail == "KEY, MODE; shown from now on: KEY"
    actions.set_environment(application, by=owner, values={}, secret={"KEY": True})
    detail = application.events.filter(verb="environment changed").latest("pk").detail
    assert detail == "secret from now on: KEY"
    assert application.environment.get().value == "new"


def test_applying_deploys_what_is_live_again(owner: User) -> None:
    application = create(owner)
    finish(application, DeploymentState.FAILED)
    with pytest.raises(actions.RefusedError, match="Nothing is live yet"):
        actions.apply_environment(application, by=owner, trigger=PAGE)
    give_machine(application)
    Deployment.objects.update(state=DeploymentState.SUCCEEDED, commit_sha="b" * 40)
    applied = actions.apply_environment(application, by=owner, trigger=PAGE)
    assert (applied.kind, applied.commit_sha) == ("later", "b" * 40)
    assert applied.again
    assert applied.of_live
    # A second time it waits already, and a push that waits is not thrown out by it.
    assert actions.apply_environment(application, by=owner, trigger=PAGE) == applied
    pushed = actions.deploy_again(application, by=owner, trigger=PAGE, commit="c" * 40)
    assert actions.apply_environment(application, by=owner, trigger=PAGE) == pushed


def test_applying_is_refused_before_a_rollback_and_without_a_machine(owner: User) -> None:
    application = create(owner)
    instance = give_machine(application)
    first = finish(application, DeploymentState.SUCCEEDED)
    actions.deploy_again(application, by=owner, trigger=PAGE)
    finish(application, DeploymentState.SUCCEEDED)
    back = actions.roll_back(first, by=owner, trigger=PAGE)
    with pytest.raises(actions.RefusedError, match="Deployment 3 goes back"):
        actions.apply_environment(application, by=owner, trigger=PAGE)
    back.delete()
    for state, message in ((InstanceState.STOPPED, "stopped"), (InstanceState.TERMINATED, "gone")):
        Instance.objects.filter(pk=instance.pk).update(state=state)
        with pytest.raises(actions.RefusedError, match=message):
            actions.apply_environment(application, by=owner, trigger=PAGE)
    assert application.instances.count() == 1


def test_terminating_cancels_what_runs_and_wakes_a_worker(
    owner: User,
    sent: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    application = create(owner)
    instance = give_machine(application)
    with django_capture_on_commit_callbacks(execute=True):
        actions.terminate(application, by=owner)
    deployment = application.deployments.get()
    assert deployment.state == DeploymentState.CANCELLED
    assert deployment.report_token_hash == ""
    assert application.terminate_requested_at is not None
    assert sent == [("ecdeployer.instances.tasks.terminate_instance", [str(instance.pk)])]


def test_cancelling_a_first_deployment_ends_its_machine(
    owner: User,
    sent: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    application = create(owner)
    instance = give_machine(application)
    with django_capture_on_commit_callbacks(execute=True):
        actions.cancel(application, by=owner)
    instance.refresh_from_db()
    assert application.deployments.get().state == DeploymentState.CANCELLED
    assert instance.end_asked_at
    assert sent == [("ecdeployer.instances.tasks.terminate_instance", [str(instance.pk)])]
    event = application.events.get(verb="cancelled")
    assert (event.actor, event.detail) == (owner, "deployment 1")
    with pytest.raises(actions.RefusedError, match="nothing to cancel"):
        actions.cancel(application, by=owner)


def test_cancelling_a_later_deployment_leaves_the_site(
    owner: User,
    sent: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    application = create(owner)
    instance = give_machine(application)
    application.deployments.update(state=DeploymentState.SUCCEEDED)
    actions.deploy_again(application, by=owner, trigger=PAGE)
    with django_capture_on_commit_callbacks(execute=True):
        actions.cancel(application, by=owner)
    instance.refresh_from_db()
    assert instance.end_asked_at is None
    assert sent == []
    assert application.deployments.get(number=2).state == DeploymentState.CANCELLED


def test_cancelling_a_push_that_came_before_the_machine_was_there_leaves_the_site(owner: User) -> None:
    application = create(owner)
    first = application.deployments.get()
    first.move(DeploymentState.RUNNING)
    pushed = actions.deploy_again(application, by=None, trigger=Deployment.Trigger.WEBHOOK)
    instance = give_machine(application)
    first.move(DeploymentState.SUCCEEDED)
    actions.cancel(application, by=owner)
    pushed.refresh_from_db()
    instance.refresh_from_db()
    assert (pushed.kind, pushed.state) == (Deployment.Kind.FIRST, DeploymentState.CANCELLED)
    assert instance.end_asked_at is None


def test_terminating_twice_and_deploying_afterwards_are_refused(owner: User) -> None:
    application = create(owner)
    actions.terminate(application, by=owner)
    with pytest.raises(actions.RefusedError, match="already"):
        actions.terminate(application, by=owner)
    with pytest.raises(actions.RefusedError, match="terminated"):
        actions.deploy_again(application, by=owner, trigger=PAGE)

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from ecdeployer.applications import actions as applications
from ecdeployer.applications.models import Application
from ecdeployer.deployments import endings
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.git import repository
from ecdeployer.git.errors import GitError
from ecdeployer.instances.states import InstanceState
from ecdeployer.webhooks import deliveries, heads, tasks
from ecdeployer.webhooks.actions import redeliver
from ecdeployer.webhooks.models import RepositoryHost, Webhook
from pytest_django import Settings

from tests.portal_records import make_delivery, make_deployment

LIVE = "4f9d2c1a7be05c3d98e6f1420ab7c5d3e8f90b12"
NEW = "b" * 40
Answer = Callable[[str | Exception], list[str]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """What repositories say, in place of git; the branches that were asked for."""

    def set_answer(said: str | Exception) -> list[str]:
        asked: list[str] = []

        def head(source: repository.RepositoryURL, *, branch: str, key: Any = None) -> str:
            asked.append(branch)
            if isinstance(said, Exception):
                raise said
            return said

        monkeypatch.setattr(repository, "head", head)
        return asked

    return set_answer


@pytest.fixture(autouse=True)
def due_now(webhook: Webhook) -> None:
    Webhook.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def is_due() -> bool:
    return heads.due(timezone.now()).exists()


def ask_anew(webhook: Webhook) -> Any:
    Webhook.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    return heads.ask(webhook.pk)


def test_a_new_head_is_deployed_once(webhook: Webhook, answer: Answer) -> None:
    asked = answer(NEW)
    deployment = heads.ask(webhook.pk)
    assert deployment is not None
    assert (deployment.trigger, deployment.commit_sha, deployment.created_by) == ("poll", NEW, None)
    assert asked == ["main"]
    assert ask_anew(webhook) is None
    webhook.refresh_from_db()
    assert (webhook.head, webhook.failures) == (NEW, 0)


def test_the_live_head_is_none(webhook: Webhook, answer: Answer) -> None:
    answer(LIVE)
    assert heads.ask(webhook.pk) is None
    webhook.refresh_from_db()
    assert webhook.head == LIVE


def test_a_head_that_waits_is_none(webhook: Webhook, application: Application, answer: Answer) -> None:
    make_deployment(application.instances.get(), DeploymentState.RUNNING, commit_sha=NEW)
    answer(NEW)
    assert heads.ask(webhook.pk) is None


def test_a_head_whose_deployment_failed_is_not_tried_for_ever(
    webhook: Webhook, application: Application, answer: Answer
) -> None:
    make_deployment(application.instances.get(), DeploymentState.FAILED, commit_sha=NEW)
    answer(NEW)
    assert heads.ask(webhook.pk) is None


def test_going_back_to_an_older_release_is_left_alone(
    webhook: Webhook, application: Application, answer: Answer
) -> None:
    """The head was seen; a newer deployment brought an older commit."""
    Webhook.objects.update(head=NEW)
    make_deployment(application.instances.get(), DeploymentState.SUCCEEDED, commit_sha="c" * 40)
    answer(NEW)
    assert heads.ask(webhook.pk) is None


def test_a_push_back_to_an_older_commit_is_a_new_head(
    webhook: Webhook, application: Application, answer: Answer
) -> None:
    make_deployment(application.instances.get(), DeploymentState.SUCCEEDED, commit_sha=NEW)
    Webhook.objects.update(head=NEW, head_at=timezone.now())
    answer(LIVE)
    assert heads.ask(webhook.pk) is not None


@pytest.mark.parametrize("state", [DeploymentState.SUCCEEDED, DeploymentState.FAILED])
def test_a_head_that_somebody_deployed_before_it_was_seen_is_not_deployed_over_what_came_then(
    webhook: Webhook, application: Application, answer: Answer, state: DeploymentState
) -> None:
    """By a button, within the minutes between two looks; then they went back, or on with what is live."""
    answer(LIVE)
    heads.ask(webhook.pk)
    for ended, commit in ((state, NEW), (DeploymentState.SUCCEEDED, LIVE)):
        make_deployment(application.instances.get(), ended, commit_sha=commit, started_at=timezone.now())
    answer(NEW)
    assert ask_anew(webhook) is None
    webhook.refresh_from_db()
    assert webhook.head == NEW
    answer(LIVE)
    assert ask_anew(webhook) is None
    answer("c" * 40)
    assert ask_anew(webhook) is not None


@pytest.mark.parametrize("began", [True, False])
def test_a_push_back_to_a_commit_that_another_overtook_is_a_new_head(
    webhook: Webhook, application: Application, answer: Answer, began: bool
) -> None:
    """It ran, or waited, when that came, and ended later."""
    answer(LIVE)
    heads.ask(webhook.pk)
    answer(NEW)
    overtaken = ask_anew(webhook)
    if began:
        overtaken.move(DeploymentState.RUNNING, started_at=timezone.now())
    answer("c" * 40)
    newer = ask_anew(webhook)
    if began:
        endings.succeed(overtaken)
    newer.move(DeploymentState.RUNNING, started_at=timezone.now())
    endings.succeed(newer)
    answer(NEW)
    assert ask_anew(webhook) is not None


def test_what_a_person_had_delivered_again_is_left_alone(
    webhook: Webhook, application: Application, answer: Answer
) -> None:
    answer(LIVE)
    heads.ask(webhook.pk)
    delivery = redeliver(make_delivery(application, outcome="ignored", commit=NEW), by=application.owner)
    deliveries.settle(application.pk)
    delivery.refresh_from_db()
    deployment = application.deployments.get(commit_sha=NEW)
    assert delivery.deployment == deployment
    deployment.move(DeploymentState.RUNNING, started_at=timezone.now())
    endings.succeed(deployment)
    assert ask_anew(webhook) is None


def test_a_time_that_the_database_wrote_itself_is_the_same(webhook: Webhook, answer: Answer) -> None:
    """A migration has filled the column in; SQLite writes such a time otherwise than Django does."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE webhooks_webhook SET head_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')")
    answer(NEW)
    assert ask_anew(webhook) is not None


def test_an_answer_that_a_push_has_overtaken_is_asked_for_again(
    webhook: Webhook, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def head(*_: Any, **__: Any) -> str:
        make_delivery(application, commit="c" * 40)
        deliveries.settle(application.pk)
        return NEW

    monkeypatch.setattr(repository, "head", head)
    assert heads.ask(webhook.pk) is None
    waiting = application.deployments.get(state=DeploymentState.QUEUED)
    assert (waiting.commit_sha, waiting.trigger) == ("c" * 40, "webhook")
    webhook.refresh_from_db()
    assert webhook.head == "c" * 40
    assert is_due()


@pytest.mark.parametrize("why", ["off", "terminated", "not live", "stopped", "later"])
def test_who_is_not_asked(webhook: Webhook, application: Application, answer: Answer, why: str) -> None:
    asked = answer(NEW)
    rows = Application.objects.filter(pk=application.pk)
    if why == "off":
        rows.update(deploy_on_push=False)
    elif why == "terminated":
        rows.update(terminate_requested_at=timezone.now())
    elif why == "not live":
        application.deployments.update(state=DeploymentState.FAILED)
    elif why == "stopped":
        application.instances.update(state=InstanceState.STOPPED)
    else:
        Webhook.objects.update(due_at=timezone.now() + timedelta(seconds=9))
    assert not is_due()
    assert heads.ask(webhook.pk) is None
    assert asked == []


def test_of_two_workers_one_asks(webhook: Webhook, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(NEW)
    found = heads.due

    def both_look(now: Any) -> Any:
        """The second worker has it between the first one's look and its claim."""
        monkeypatch.setattr(heads, "due", found)
        rows = found(now)
        stale = rows.select_related("application").get()
        heads.ask(webhook.pk)
        monkeypatch.setattr(rows, "select_related", lambda *_: rows)
        monkeypatch.setattr(rows, "filter", lambda **_: rows)
        monkeypatch.setattr(rows, "first", lambda: stale)
        return rows

    monkeypatch.setattr(heads, "due", both_look)
    assert heads.ask(webhook.pk) is None
    assert asked == ["main"]


def test_the_next_time_is_spread_over_the_interval(
    webhook: Webhook, answer: Answer, settings: Settings
) -> None:
    settings.PUSH_POLL_SECONDS = 300
    answer(LIVE)
    heads.ask(webhook.pk)
    webhook.refresh_from_db()
    assert 265 < (webhook.due_at - timezone.now()).total_seconds() < 331
    assert not is_due()


def test_a_repository_that_fails_is_asked_half_as_often_each_time(webhook: Webhook, answer: Answer) -> None:
    answer(GitError("branch-not-found", "There is no branch named main."))
    pauses = []
    for _ in range(10):
        assert ask_anew(webhook) is None
        webhook.refresh_from_db()
        pauses.append(round((webhook.due_at - timezone.now()).total_seconds()))
    assert pauses[:4] == [600, 1200, 2400, 4800]
    assert pauses[-1] == heads.LONGEST.total_seconds()
    assert webhook.trouble == "There is no branch named main."
    assert not RepositoryHost.objects.exists()
    answer(LIVE)
    ask_anew(webhook)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.trouble) == (0, "")


def test_a_host_that_does_not_answer_is_left_alone_by_all(webhook: Webhook, answer: Answer) -> None:
    answer(GitError("repository-unreachable", "github.com does not answer.", retryable=True))
    ask_anew(webhook)
    host = RepositoryHost.objects.get()
    assert (host.name, host.failures) == ("github.com", 1)
    asked = answer(NEW)
    assert ask_anew(webhook) is None
    assert asked == []
    RepositoryHost.objects.update(held_until=timezone.now())
    assert ask_anew(webhook) is not None
    assert not RepositoryHost.objects.exists()


def test_a_host_that_is_not_allowed_any_more_is_not_asked(
    webhook: Webhook, answer: Answer, settings: Settings
) -> None:
    settings.GIT_HOSTS = ["git.example.com"]
    asked = answer(NEW)
    assert heads.ask(webhook.pk) is None
    webhook.refresh_from_db()
    assert asked == []
    assert "git.example.com" in webhook.trouble


def test_a_refusal_is_kept_and_the_head_stays_new(
    webhook: Webhook, application: Application, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise applications.RefusedError("It is being stopped.")

    answer(NEW)
    monkeypatch.setattr(applications, "deploy_again", refuse)
    assert heads.ask(webhook.pk) is None
    webhook.refresh_from_db()
    assert (webhook.trouble, webhook.head) == ("It is being stopped.", "")


@pytest.mark.parametrize(("seconds", "number"), [(300, 1), (0, 0)])
def test_beat_sends_workers(
    webhook: Webhook, settings: Settings, monkeypatch: pytest.MonkeyPatch, seconds: int, number: int
) -> None:
    sent: list[Any] = []
    settings.PUSH_POLL_SECONDS = seconds
    monkeypatch.setattr(tasks.ask_for_head, "apply_async", lambda args, **_: sent.append(args))
    tasks.ask_for_heads()
    assert sent == [(str(webhook.pk),)] * number


def test_the_task_asks(webhook: Webhook, answer: Answer) -> None:
    answer(NEW)
    tasks.ask_for_head(str(webhook.pk))
    webhook.refresh_from_db()
    assert webhook.head == NEW

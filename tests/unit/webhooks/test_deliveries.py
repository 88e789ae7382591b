from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from ecdeployer.applications import actions as applications
from ecdeployer.applications.models import Application, Event
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.instances.states import InstanceState
from ecdeployer.webhooks import deliveries, tasks
from ecdeployer.webhooks.actions import redeliver
from ecdeployer.webhooks.models import Delivery, Webhook

from tests.portal_records import make_delivery, make_deployment

from .conftest import COMMIT

OTHER = "a" * 40


def test_a_push_becomes_a_deployment(application: Application, webhook: Webhook) -> None:
    push = make_delivery(application)
    assert deliveries.settle(application.pk) == deliveries.PAUSE
    push.refresh_from_db()
    deployment = push.deployment
    assert deployment is not None
    assert (push.outcome, push.result) == ("deployed", "queued")
    assert (deployment.trigger, deployment.commit_sha, deployment.created_by) == ("webhook", COMMIT, None)
    assert deployment.pushed_by == "ines"
    assert not deployment.again
    webhook.refresh_from_db()
    assert webhook.head == COMMIT


def test_many_become_one(application: Application) -> None:
    pushes = [make_delivery(application, commit=f"{number:040x}") for number in range(1, 41)]
    deliveries.settle(application.pk)
    assert application.deployments.filter(state=DeploymentState.QUEUED).get().commit_sha == pushes[-1].commit
    assert application.deployments.count() == 2
    outcomes = list(Delivery.objects.order_by("id").values_list("outcome", flat=True))
    assert outcomes == ["superseded"] * 39 + ["deployed"]


def test_the_queries_do_not_grow(application: Application) -> None:
    """Each of these takes the place of one that waits."""
    counts = []
    for number in (1, 2, 100):
        for _ in range(number):
            make_delivery(application, commit=uuid4().hex + "0" * 8)
        Webhook.objects.update(settled_at=None)
        with CaptureQueriesContext(connection) as captured:
            deliveries.settle(application.pk)
        counts.append(len(captured))
    assert counts[1] == counts[2] < 40


def test_those_that_come_a_moment_later_wait_for_the_next_turn(application: Application) -> None:
    make_delivery(application)
    deliveries.settle(application.pk)
    push = make_delivery(application, commit=OTHER)
    pause = deliveries.settle(application.pk)
    assert pause is not None
    assert timedelta(0) < pause <= deliveries.PAUSE
    Webhook.objects.update(settled_at=timezone.now() - deliveries.PAUSE)
    assert deliveries.settle(application.pk) == deliveries.PAUSE
    assert deliveries.settle(application.pk) is None
    push.refresh_from_db()
    assert push.outcome == "deployed"
    first = Delivery.objects.order_by("id").select_related("deployment")[0]
    assert (first.result, first.result_label) == ("superseded", "Superseded")


def test_the_time_of_the_push_decides_where_it_is_told(application: Application) -> None:
    now = timezone.now()
    newer = make_delivery(application, commit=OTHER, pushed_at=now)
    older = make_delivery(application, pushed_at=now - timedelta(seconds=5))
    deliveries.settle(application.pk)
    newer.refresh_from_db()
    older.refresh_from_db()
    assert (newer.outcome, older.outcome) == ("deployed", "superseded")


def test_an_older_push_that_arrives_late_is_not_deployed(application: Application) -> None:
    now = timezone.now()
    make_delivery(application, commit=OTHER, pushed_at=now, outcome="deployed")
    late = make_delivery(application, pushed_at=now - timedelta(seconds=5))
    deliveries.settle(application.pk)
    late.refresh_from_db()
    assert (late.outcome, late.deployment) == ("superseded", None)
    assert "newer push was deployed" in late.reason


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_delivery_that_is_asked_for_again_is_as_old_as_the_request(
    application: Application, asked_first: bool
) -> None:
    old = make_delivery(application, outcome="ignored", commit=OTHER)
    before = timezone.now()
    again = redeliver(old, by=application.owner)
    push = make_delivery(application, pushed_at=timezone.now() if asked_first else before)
    deliveries.settle(application.pk)
    again.refresh_from_db()
    push.refresh_from_db()
    expected = ("superseded", "deployed") if asked_first else ("deployed", "superseded")
    assert (again.outcome, push.outcome) == expected
    said = "A newer push came" if asked_first else "Another delivery was asked for"
    assert said in again.reason + push.reason


def test_a_push_that_arrives_late_is_newer_than_what_was_delivered_again(application: Application) -> None:
    pushed_at = timezone.now()
    redeliver(make_delivery(application, outcome="ignored", commit=OTHER), by=application.owner)
    deliveries.settle(application.pk)
    Webhook.objects.update(settled_at=None)
    late = make_delivery(application, pushed_at=pushed_at)
    deliveries.settle(application.pk)
    late.refresh_from_db()
    assert late.outcome == "deployed"


def test_a_commit_that_is_on_its_way_is_not_asked_for_twice(application: Application) -> None:
    make_delivery(application)
    deliveries.settle(application.pk)
    again = make_delivery(application)
    Webhook.objects.update(settled_at=None)
    deliveries.settle(application.pk)
    again.refresh_from_db()
    assert again.deployment == application.deployments.first()
    assert application.deployments.count() == 2


@pytest.mark.parametrize(
    ("instance", "asked", "said"),
    [(InstanceState.STOPPED, False, "is stopped"), (InstanceState.RUNNING, True, "is terminated")],
)
def test_what_cannot_be_deployed_says_why(
    application: Application, instance: str, asked: bool, said: str
) -> None:
    application.instances.update(state=instance)
    if asked:
        applications.terminate(application, by=None)
    push = make_delivery(application)
    deliveries.settle(application.pk)
    push.refresh_from_db()
    assert (push.outcome, push.deployment) == ("refused", None)
    assert said in push.reason


def test_nothing_waits_nothing_happens(application: Application) -> None:
    for outcome in Delivery.Outcome.values:
        if outcome != "waiting":
            make_delivery(application, outcome=outcome)
    assert deliveries.settle(application.pk) is None
    assert deliveries.waiting() == []
    assert application.deployments.count() == 1
    assert not Event.objects.filter(verb="queued").exists()


def test_beat_finds_what_a_lost_message_left(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(tasks.settle, "apply_async", lambda args, **_: sent.append(args))
    make_delivery(application)
    make_delivery(application)
    tasks.settle_all()
    assert sent == [(str(application.pk),)]


def test_a_turn_that_is_too_early_comes_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        tasks.settle, "apply_async", lambda args, **options: sent.append(options["countdown"])
    )
    make_delivery(application)
    Webhook.objects.update(settled_at=timezone.now())
    tasks.settle(str(application.pk))
    assert 0 < sent[0] <= 1


def test_a_push_that_woke_nobody_since_others_waited_is_seen(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request looked before the others were settled, and wrote after that."""
    sent: list[Any] = []
    monkeypatch.setattr(
        tasks.settle, "apply_async", lambda args, **options: sent.append(options["countdown"])
    )
    make_delivery(application)
    tasks.settle(str(application.pk))
    late = make_delivery(application, commit=OTHER)
    Webhook.objects.update(settled_at=timezone.now() - deliveries.PAUSE)
    tasks.settle(str(application.pk))
    tasks.settle(str(application.pk))
    late.refresh_from_db()
    assert (late.outcome, sent) == ("deployed", [1.0, 1.0])


def test_old_ones_go_and_the_newest_stay(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "KEPT", 3)
    kept = [make_delivery(application, outcome="ignored") for _ in range(8)][-3:]
    old = make_delivery(application, outcome="deployed")
    Delivery.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(days=31))
    waits = make_delivery(application)
    Delivery.objects.filter(pk=waits.pk).update(received_at=timezone.now() - timedelta(days=31))
    tasks.prune()
    assert set(Delivery.objects.values_list("pk", flat=True)) == {*(each.pk for each in kept), waits.pk}
    assert deliveries.prune() == 0


def test_a_deployment_that_failed_shows_its_reason(application: Application) -> None:
    instance = application.instances.get()
    failed = make_deployment(instance, DeploymentState.FAILED, reason="The page answers 500.")
    push = make_delivery(application, outcome="deployed", deployment=failed)
    assert (push.result, push.why) == ("failed", "The page answers 500.")
    assert Deployment.objects.count() == 2

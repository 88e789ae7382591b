"""Holding on to a deployment for longer than a claim lasts."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import UNFINISHED

from ecdeployer import claims
from tests.portal_records import make_queued

pytestmark = pytest.mark.django_db


def take(pk: UUID) -> Deployment | None:
    """The deployment, held; None where another worker has it."""
    rows = Deployment.objects.filter(state__in=UNFINISHED)
    return rows.get(pk=pk) if claims.take(rows, pk, only_if_due=False) else None


class Rounds(threading.Event):
    """Work that lasts for so many renewals."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def wait(self, timeout: float | None = None) -> bool:
        self.count -= 1
        return self.count < 0


@pytest.fixture
def taken(deployment: Deployment) -> Deployment:
    found = take(deployment.pk)
    assert found is not None
    return found


def test_a_long_piece_of_work_keeps_its_claim(taken: Deployment) -> None:
    soon = timezone.now() + timedelta(seconds=1)
    Deployment.objects.update(claimed_until=soon)
    taken.claimed_until = soon
    claims.renew(taken, Rounds(2))
    assert taken.claimed_until > soon
    assert take(taken.pk) is None
    claims.release(taken, due_in=timedelta(0))
    assert take(taken.pk) is not None


def test_a_claim_that_another_has_by_now_is_not_renewed(taken: Deployment) -> None:
    theirs = timezone.now() + timedelta(hours=1)
    Deployment.objects.update(claimed_until=theirs)
    claims.renew(taken, Rounds(3))
    assert Deployment.objects.get().claimed_until == theirs


def test_a_worker_that_hangs_does_not_keep_it_for_ever(taken: Deployment) -> None:
    rounds = Rounds(1000)
    claims.renew(taken, rounds)
    assert rounds.count == 1000 - claims.RENEWALS


def lose(pk: UUID) -> None:
    """The worker that holds it dies, and its claim runs out."""
    Deployment.objects.filter(pk=pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_workers_that_die_over_different_pieces_of_work_do_not_add_up(deployment: Deployment) -> None:
    for _ in range(claims.ATTEMPTS + 1):
        take(deployment.pk)
        lose(deployment.pk)
        found = take(deployment.pk)
        assert found is not None
        assert found.attempt == 2
        claims.release(found, due_in=timedelta(0))


def test_workers_that_die_over_one_piece_of_work_add_up(deployment: Deployment) -> None:
    for _ in range(claims.ATTEMPTS):
        take(deployment.pk)
        lose(deployment.pk)
    found = take(deployment.pk)
    assert found is not None
    assert found.attempt > claims.ATTEMPTS


def test_of_those_whose_worker_died_one_is_tried_at_a_time(deployment: Deployment) -> None:
    other = make_queued(deployment.application.owner)
    for pk in (deployment.pk, other.pk):
        take(pk)
        lose(pk)
    suspect = take(deployment.pk)
    assert suspect is not None
    assert take(other.pk) is None
    claims.release(suspect, due_in=timedelta(0))
    found = take(other.pk)
    assert found is not None
    assert found.attempt == 2


def test_a_database_that_is_away_for_a_moment_costs_one_renewal(
    taken: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, refused = claims._held, [OperationalError("the server restarts")]

    def hold(record: Deployment) -> Any:
        if refused:
            raise refused.pop()
        return held(record)

    soon = timezone.now() + timedelta(seconds=1)
    Deployment.objects.update(claimed_until=soon)
    taken.claimed_until = soon
    monkeypatch.setattr(claims, "_held", hold)
    monkeypatch.setattr(connection, "close", lambda: None)
    claims.renew(taken, Rounds(2))
    assert taken.claimed_until > soon

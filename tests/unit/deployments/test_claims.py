"""Holding on to a deployment for longer than a claim lasts."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from ecdeployer.deployments import claims
from ecdeployer.deployments.models import Deployment

from tests.portal_records import make_queued

pytestmark = pytest.mark.django_db


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
    found = claims.take(deployment.pk, only_if_due=False)
    assert found is not None
    return found


def test_a_long_piece_of_work_keeps_its_claim(taken: Deployment) -> None:
    soon = timezone.now() + timedelta(seconds=1)
    Deployment.objects.update(claimed_until=soon)
    taken.claimed_until = soon
    claims.renew(taken, Rounds(2))
    assert taken.claimed_until > soon
    assert claims.take(taken.pk, only_if_due=False) is None
    claims.release(taken, due_in=timedelta(0))
    assert claims.take(taken.pk, only_if_due=False) is not None


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
        claims.take(deployment.pk, only_if_due=False)
        lose(deployment.pk)
        found = claims.take(deployment.pk, only_if_due=False)
        assert found is not None
        assert found.attempt == 2
        claims.release(found, due_in=timedelta(0))


def test_workers_that_die_over_one_piece_of_work_add_up(deployment: Deployment) -> None:
    for _ in range(claims.ATTEMPTS):
        claims.take(deployment.pk, only_if_due=False)
        lose(deployment.pk)
    found = claims.take(deployment.pk, only_if_due=False)
    assert found is not None
    assert found.attempt > claims.ATTEMPTS


def test_of_those_whose_worker_died_one_is_tried_at_a_time(deployment: Deployment) -> None:
    other = make_queued(deployment.application.owner)
    for pk in (deployment.pk, other.pk):
        claims.take(pk, only_if_due=False)
        lose(pk)
    suspect = claims.take(deployment.pk, only_if_due=False)
    assert suspect is not None
    assert claims.take(other.pk, only_if_due=False) is None
    claims.release(suspect, due_in=timedelta(0))
    found = claims.take(other.pk, only_if_due=False)
    assert found is not None
    assert found.attempt == 2

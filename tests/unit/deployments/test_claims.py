"""Holding on to a deployment for longer than a claim lasts."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.deployments import claims
from ecdeployer.deployments.models import Deployment


@pytest.mark.django_db(transaction=True)
def test_a_long_piece_of_work_keeps_its_claim(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "RENEWAL", 0.02)
    taken = claims.take(deployment.pk, only_if_due=False)
    assert taken is not None
    first = taken.claimed_until
    assert first is not None
    with claims.kept(taken):
        deadline = time.monotonic() + 10
        while taken.claimed_until == first and time.monotonic() < deadline:
            time.sleep(0.01)
    assert taken.claimed_until is not None
    assert taken.claimed_until > first
    assert claims.take(deployment.pk, only_if_due=False) is None
    claims.release(taken, due_in=timedelta(0))
    assert claims.take(deployment.pk, only_if_due=False) is not None


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_another_has_by_now_is_not_renewed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "RENEWAL", 0.01)
    taken = claims.take(deployment.pk, only_if_due=False)
    assert taken is not None
    theirs = timezone.now() + timedelta(hours=1)
    Deployment.objects.update(claimed_until=theirs)
    with claims.kept(taken):
        time.sleep(0.1)
    assert Deployment.objects.get().claimed_until == theirs

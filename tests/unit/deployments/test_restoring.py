"""What a restored database has under way is closed, and nothing of it is ended."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.utils import timezone
from ecdeployer.deployments import restoring
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances.models import Instance
from ecdeployer.operating import backups

from tests.portal_records import make_person, make_queued, make_running

pytestmark = pytest.mark.django_db


def overdue(at: StepName, name: str, **instance: object) -> Deployment:
    deployment = make_running(make_person(name), name, at=at)
    yesterday = timezone.now() - timedelta(days=1)
    Deployment.objects.filter(pk=deployment.pk).update(deadline=yesterday, due_at=yesterday)
    Instance.objects.filter(pk=deployment.instance_id).update(**instance)
    return deployment


def test_nothing_is_given_up_by_what_is_closed() -> None:
    launching = overdue(StepName.LAUNCH, "ada", state="launching", ec2_id=None)
    rebuilt = overdue(StepName.INSTALL, "bob", spare=True)
    Deployment.objects.filter(pk=rebuilt.pk).update(kind=Deployment.Kind.REBUILD)
    waiting = make_queued(make_person("eve"))
    assert restoring.close_unfinished() == 3
    for deployment in (launching, rebuilt, waiting):
        assert advance(deployment.pk) is None
        deployment.refresh_from_db()
        assert (deployment.state, deployment.reason) == (DeploymentState.FAILED, restoring.REASON)
        assert not deployment.steps.filter(state__in=["pending", "running"]).exists()
        assert deployment.instance.end_asked_at is None
    states = Instance.objects.order_by("application__owner__username").values_list("state", flat=True)
    assert list(states) == ["launching", "running", "requested"]
    rebuilt.application.refresh_from_db()
    assert rebuilt.application.status == "failed"
    assert restoring.close_unfinished() == 0


def test_a_restore_does_that(monkeypatch: pytest.MonkeyPatch) -> None:
    running = make_running(make_person("ada"))
    empty = Mock(vendor="postgresql")
    empty.introspection.table_names.return_value = []
    monkeypatch.setattr(backups, "connection", empty)
    monkeypatch.setattr(backups, "_load", Mock())
    backups.restore("copy.dump")
    running.refresh_from_db()
    assert running.failure_code == "database-restored"

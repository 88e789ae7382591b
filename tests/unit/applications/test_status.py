"""The status of an application: told alike by the database and by one record."""

import itertools
from types import SimpleNamespace

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.applications.queries import RULES, find_application, status_of, with_status
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState


@pytest.mark.django_db
def test_both_readers_of_the_rules_agree(ines: User) -> None:
    """Over every pair of states, asked to be terminated or not."""
    for deployment, instance, asked in itertools.product(DeploymentState, InstanceState, (False, True)):
        application = Application.objects.create(
            owner=ines, name=f"{deployment}-{instance}-{asked}", project_name="shop",
            github_url="https://github.com/o/r", terminate_requested_at=timezone.now() if asked else None,
        )  # fmt: skip
        machine = Instance.objects.create(application=application, state=instance)
        Deployment.objects.create(application=application, instance=machine, number=1, state=deployment)
    listed = dict(with_status(Application.objects.all()).values_list("pk", "status"))
    assert len(listed) == len(DeploymentState) * len(InstanceState) * 2
    assert {pk: find_application(ines, pk).status for pk in listed} == listed
    assert len(set(listed.values())) == len({rule.status for rule in RULES}) + 1


def test_an_application_without_anything_has_failed() -> None:
    nothing = SimpleNamespace(
        terminate_requested_at=None, deployment_state=None, instance_state=None, serves=False
    )
    assert status_of(nothing) == "failed"

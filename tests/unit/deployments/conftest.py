from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.reports import hash_of
from ecdeployer.deployments.states import DeploymentState, StepName, StepState
from ecdeployer.instances.states import InstanceState

from tests.unit.deployments.world import World

TOKEN = "t" * 43


@pytest.fixture
def application(db: None) -> Application:
    return actions.create_application(
        owner=User.objects.create_user("alice"),
        by=None,
        trigger=Deployment.Trigger.PAGE,
        name="site",
        project_name="mysite",
        github_url="https://github.com/alice/site",
        instance_type="t3.small",
        environment={"DATABASE_PASSWORD": "hunter-two", "SHORT": "ab"},
    )


@pytest.fixture
def deployment(application: Application) -> Deployment:
    """Queued, as a person's request leaves it."""
    return application.deployments.select_related("application", "instance").get()


@pytest.fixture
def booting(deployment: Deployment) -> Deployment:
    """Launched: the machine has been started, and nothing was heard of it."""
    now = timezone.now()
    deployment.move(DeploymentState.RUNNING, started_at=now - timedelta(seconds=10))
    deployment.report_token_hash = hash_of(TOKEN)
    deployment.commit_sha = "c" * 40
    deployment.deadline = now + timedelta(minutes=5)
    deployment.save()
    done = deployment.steps.filter(name__in=[StepName.PREFLIGHT, StepName.LAUNCH])
    done.update(state=StepState.SUCCEEDED, started_at=now, finished_at=now)
    deployment.steps.filter(name=StepName.BOOT).update(state=StepState.RUNNING, started_at=now)
    instance = deployment.instance
    instance.state, instance.ec2_id, instance.public_ip = InstanceState.RUNNING, "i-0abc", "203.0.113.7"
    instance.save()
    return deployment


@pytest.fixture
def step_of(deployment: Deployment) -> Callable[[str], Step]:
    return lambda name: deployment.steps.get(name=name)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)

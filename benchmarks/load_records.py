"""Applications by the thousand, as deployments leave them, written in bulk."""

import datetime as dt

from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Event
from ecdeployer.applications.states import Status
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import FIRST_DEPLOYMENT_STEPS, DeploymentState, StepState
from ecdeployer.instances.models import Instance, LedgerEntry, Usage
from ecdeployer.instances.states import InstanceState

_LOG = "Resolved 14 packages in 212ms\n" * 40
_BATCH = 500


def clear() -> None:
    for model in (Step, Deployment, LedgerEntry, Usage, Instance, Event, Application, User):
        model.objects.all().delete()


def applications(
    owner: User, count: int, *, state: DeploymentState = DeploymentState.SUCCEEDED
) -> list[Deployment]:
    """Each with a running instance and one deployment of eleven steps."""
    launched_at = timezone.now() - dt.timedelta(days=1)
    rows = [
        Application(
            owner=owner, name=f"{owner.username}-{number}", project_name="shop",
            github_url="https://github.com/example/shop", instance_type="t3.micro",
            status=Status.LIVE if state == DeploymentState.SUCCEEDED else Status.DEPLOYING,
            serves=state == DeploymentState.SUCCEEDED,
        )
        for number in range(count)
    ]  # fmt: skip
    Application.objects.bulk_create(rows, _BATCH)
    instances = [
        Instance(
            application=row, state=InstanceState.RUNNING, instance_type="t3.micro", launched_at=launched_at,
            ec2_id=f"i-{row.pk.hex[:17]}", ami_id="ami-0123456789abcdef0", public_ip="203.0.113.7",
            private_ip="10.0.0.7",
        )
        for row in rows
    ]  # fmt: skip
    Instance.objects.bulk_create(instances, _BATCH)
    Usage.objects.bulk_create(
        (Usage.of(instance, kind, launched_at) for instance in instances for kind in Usage.Kind), _BATCH
    )
    ended = state == DeploymentState.SUCCEEDED
    deployments = [
        Deployment(
            application=row, instance=instance, number=1, kind=Deployment.Kind.FIRST, state=state,
            trigger=Deployment.Trigger.PAGE, commit_sha="4" * 40, commit_subject="Add opening hours",
            started_at=launched_at, finished_at=launched_at if ended else None,
        )
        for row, instance in zip(rows, instances, strict=True)
    ]  # fmt: skip
    Deployment.objects.bulk_create(deployments, _BATCH)
    Step.objects.bulk_create(
        (
            Step(
                deployment=deployment, name=name, position=position, log=_LOG, started_at=launched_at,
                state=StepState.SUCCEEDED if ended or position < 5 else StepState.RUNNING,
            )
            for deployment in deployments
            for position, name in enumerate(FIRST_DEPLOYMENT_STEPS[: 11 if ended else 6])
        ),
        _BATCH,
    )  # fmt: skip
    return deployments

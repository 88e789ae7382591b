"""Where a deployment runs, and by which steps: settled when it begins, since others ran before it."""

from ..accounts import limits
from ..applications.models import Application
from ..instances.models import Instance
from ..instances.states import InstanceState
from .models import Deployment, Step
from .states import FIRST_DEPLOYMENT_STEPS, LATER_DEPLOYMENT_STEPS, REBUILD_STEPS, ROLLBACK_STEPS

NO_MACHINE = (InstanceState.FAILED, InstanceState.TERMINATED)
STEPS = {
    Deployment.Kind.FIRST: FIRST_DEPLOYMENT_STEPS,
    Deployment.Kind.LATER: LATER_DEPLOYMENT_STEPS,
    Deployment.Kind.ROLLBACK: ROLLBACK_STEPS,
    Deployment.Kind.REBUILD: REBUILD_STEPS,
}


def kind_of(deployment: Deployment) -> Deployment.Kind:
    """The first one brings its machine up; a machine that is there is sent a command."""
    if deployment.rolls_back_to_id:
        return Deployment.Kind.ROLLBACK
    if deployment.instance.spare:
        return Deployment.Kind.REBUILD
    return Deployment.Kind.LATER if deployment.instance.ec2_id else Deployment.Kind.FIRST


def write_steps(deployment: Deployment) -> None:
    names = STEPS[Deployment.Kind(deployment.kind)]
    Step.objects.bulk_create(
        Step(deployment=deployment, name=name, position=position) for position, name in enumerate(names)
    )


def settle(deployment: Deployment) -> str:
    """Give it a machine, and its steps anew where that changes them. Why it cannot have one, or nothing."""
    with Application.kept(deployment.application_id):
        instance, refusal = _instance_for(deployment)
        if refusal:
            return refusal
        if instance != deployment.instance:
            deployment.instance = instance
            deployment.save(update_fields=["instance"])
        kind = kind_of(deployment)
        if kind != deployment.kind:
            deployment.kind = kind
            deployment.save(update_fields=["kind"])
            deployment.steps.all().delete()
            write_steps(deployment)
    return ""


def _instance_for(deployment: Deployment) -> tuple[Instance, str]:
    instance = Instance.objects.get(pk=deployment.instance_id)
    if instance.state not in NO_MACHINE and not instance.end_asked_at:
        return instance, ""
    if instance.spare:
        return instance, "The machine that was to take the place of the other is gone."
    if deployment.rolls_back_to_id:
        return instance, "The instance that holds this release is gone."
    application = deployment.application
    others = application.instances.exclude(state__in=NO_MACHINE).filter(end_asked_at=None, spare=False)
    other = others.order_by("-created_at").first()
    if other is not None:
        return other, ""
    refusal = limits.refusal(application.owner, application.instance_type)
    if refusal:
        return instance, refusal
    fresh = Instance.objects.create(application=application, instance_type=application.instance_type)
    return fresh, ""

"""What the operator's commands share: finding an application, and following a deployment to its end."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from ... import origin
from ...deployments.models import Deployment
from ...deployments.progress import Progress, StepView, read_progress
from ...deployments.states import DeploymentState, StepState
from ..models import Application

#: Exit codes.
FAILED, WRONG_INPUT = 1, 2
LOOK = 0.2
_LOG_LINES = 15


class OperatorCommand(BaseCommand):
    """What it does is recorded as asked for on the command line."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with origin.bound(origin.COMMAND):
            return super().execute(*args, **options)


def add_following_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="follow the steps to the end")
    parser.add_argument("--json", action="store_true", help="print one object, at the end")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds to wait at most (3600)")


def add_naming_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="of the application")
    parser.add_argument("--owner", help="a username; needed where several people use the name")


def find_application(name: str, *, owner: str | None) -> Application:
    """Raises CommandError with exit code 2."""
    found = Application.objects.filter(name=name)
    applications = list(found.filter(owner__username=owner) if owner else found)
    if len(applications) > 1:
        owners = ", ".join(sorted(each.owner.username for each in applications))
        raise CommandError(f"owner: say whose {name}: {owners}", returncode=WRONG_INPUT)
    if not applications:
        whose = f" of {owner}" if owner else ""
        raise CommandError(f"name: there is no application {name}{whose}", returncode=WRONG_INPUT)
    return applications[0]


def report_on(deployment: Deployment, options: dict[str, Any], out: OutputWrapper) -> None:
    """Follow where that is wanted, print, and raise CommandError unless the site is live."""
    if options["wait"]:
        deployment = follow(deployment, out=None if options["json"] else out, seconds=options["timeout"])
    if options["json"]:
        out.write(json.dumps(summary(deployment), indent=2))
    elif not options["wait"]:
        out.write(f"queued: {settings.PORTAL_URL}{deployment.application.get_absolute_url()}")
    if options["wait"] and deployment.state not in {DeploymentState.SUCCEEDED, DeploymentState.SKIPPED}:
        raise CommandError(obituary(deployment), returncode=FAILED)


def follow(deployment: Deployment, *, out: OutputWrapper | None, seconds: float) -> Deployment:
    """The deployment as it stands at its end, or when the time is up; steps are printed as they end."""
    deadline, printed = time.monotonic() + seconds, set[str]()
    while True:
        current = Deployment.objects.select_related("application", "instance").get(pk=deployment.pk)
        for step in read_progress(current).steps:
            if out is not None and step.finished_at and step.name not in printed:
                printed.add(step.name)
                out.write(_line(step))
                out.flush()
        if current.is_final or time.monotonic() > deadline:
            break
        time.sleep(LOOK)
    if out is not None and current.state == DeploymentState.SUCCEEDED:
        out.write(f"live: {address_of(current)}")
    if out is not None and current.state == DeploymentState.SKIPPED:
        out.write(f"not needed: {current.reason}")
    return current


def _line(step: StepView) -> str:
    label = StepState(step.state).label
    message = f"  {step.message}" if step.message else ""
    return f"{step.name:14}{label:8}{step.seconds or 0:8.2f} s{message}"


def obituary(deployment: Deployment) -> str:
    """Step, reason, remedy and the last lines of the log."""
    if not deployment.is_final:
        return f"Deployment {deployment.number} had not ended when the time was up."
    if deployment.state == DeploymentState.CANCELLED:
        return f"Deployment {deployment.number} was cancelled: {deployment.reason}"
    failed = Progress(deployment=deployment, steps=read_progress(deployment).steps).failed
    log = "\n".join(failed.log.rstrip().splitlines()[-_LOG_LINES:]) if failed else ""
    parts = [f"{deployment.failed_step}: {deployment.reason}", deployment.remedy, log]
    return "\n".join(part for part in parts if part)


def address_of(deployment: Deployment) -> str:
    public_ip = deployment.instance.public_ip
    return f"http://{public_ip}/" if public_ip else ""


def summary(deployment: Deployment) -> dict[str, Any]:
    """The one object of ``--json``; times are seconds."""
    application, instance = deployment.application, deployment.instance
    progress = read_progress(deployment)
    live = deployment.state == DeploymentState.SUCCEEDED
    return {
        "application": {
            "id": str(application.pk),
            "name": application.name,
            "owner": application.owner.username,
            "project_name": application.project_name,
            "github_url": application.github_url,
            "url": f"{settings.PORTAL_URL}{application.get_absolute_url()}",
        },
        "instance": {
            "id": instance.ec2_id,
            "state": instance.state,
            "instance_type": instance.instance_type,
            "ami": instance.ami_id,
            "availability_zone": instance.availability_zone,
            "public_ip": instance.public_ip,
            "private_ip": instance.private_ip,
            "launched_at": instance.launched_at.isoformat() if instance.launched_at else None,
        },
        "addresses": [address_of(deployment)] if live else [],
        "deployment": {
            "id": str(deployment.pk),
            "number": deployment.number,
            "state": deployment.state,
            "branch": deployment.branch,
            "commit": deployment.commit_sha,
            "seconds": round(progress.seconds or 0, 3),
            "failed_step": deployment.failed_step,
            "code": deployment.failure_code,
            "reason": deployment.reason,
            "remedy": deployment.remedy,
        },
        "steps": [_step_summary(step) for step in progress.steps],
        "findings": deployment.findings,
        "changes": deployment.changes,
    }


def _step_summary(step: StepView) -> dict[str, Any]:
    seconds = round(step.seconds, 3) if step.seconds is not None else None
    return {"name": step.name, "state": step.state, "seconds": seconds, "message": step.message}

"""While the machine works: hearing it out, asking it when it is silent, and judging the end."""

import logging
from datetime import timedelta

from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from ..applications.models import Application
from ..aws.errors import AWSError
from ..instances import addresses, commands
from ..instances.states import InstanceState
from ..machine_reports import EndedError, ReportError
from . import deadlines, endings, health, rebuilding, releases, reports, returning, steps, texts
from .models import Deployment
from .parameters import check_token
from .report_bodies import read
from .states import DeploymentState, StepName, StepState

logger = logging.getLogger(__name__)

_GONE = {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, InstanceState.FAILED}
_STOPPED = {InstanceState.STOPPING, InstanceState.STOPPED}
_SOON = timedelta(seconds=0.5)
_ASK_AGAIN = timedelta(seconds=2)
_ASK_LATER = timedelta(seconds=5)
#: Characters of the console that are kept of a machine that did not boot.
CONSOLE = 16_384


def current_step(deployment: Deployment) -> StepName:
    """The one that runs, or the one that is next."""
    rows = deployment.steps.filter(state__in=[StepState.PENDING, StepState.RUNNING]).order_by("position")
    ahead = list(rows.values_list("name", "state"))
    running = [name for name, state in ahead if state == StepState.RUNNING]
    names = running or [name for name, _ in ahead] or [StepName.HEALTH]
    return StepName(names[0])


def watch(deployment: Deployment) -> timedelta | None:
    """One look. When to look again; None once the deployment has ended."""
    led = rebuilding.is_checked(deployment) or _lead_address(deployment)
    if deployment.result is not None:
        return conclude(deployment) if led else _SOON
    state = deployment.instance.state
    if state in _GONE or state in _STOPPED:
        _machine_left(deployment)
        return None
    silent_since = deployment.heard_at or deployment.started_at or deployment.queued_at
    quiet = timezone.now() - silent_since
    if quiet < deadlines.SILENCE or state != InstanceState.RUNNING:
        return max(deadlines.SILENCE - quiet, _ASK_AGAIN)
    return _ask(deployment)


def _lead_address(deployment: Deployment) -> bool:
    """Whether nothing is left to do. As early as AWS lets us: what the machine fetches then is cut off."""
    try:
        return addresses.point(deployment.instance)
    except AWSError as error:
        logger.info("deployment %s, address: %s", deployment.pk, error.operator)
        return False


def _machine_left(deployment: Deployment) -> None:
    step = current_step(deployment)
    reason = deployment.instance.reason
    if deployment.instance.state in _STOPPED:
        code, what = "instance-stopped", "The instance was stopped meanwhile."
    else:
        code, what = "instance-gone", "The instance was terminated meanwhile."
        _keep_console(deployment, step)
    endings.fail(deployment, step, code=code, reason=f"{what} {reason}".strip())


def _ask(deployment: Deployment) -> timedelta | None:
    """Ask the machine by Run Command for what it could not report."""
    try:
        outcome = _look_at_command(deployment)
        if outcome is not None and outcome.end is not None and not outcome.end.ran:
            return _end_with_command(deployment, outcome)
        body = commands.status(deployment.instance, str(deployment.pk))
        if body is None:
            return _ASK_AGAIN
        reports.apply(deployment.pk, read(body), asked=True)
        deployment.refresh_from_db(fields=["result", "heard_at"])
        if deployment.result is not None:
            return timedelta(0)
        return deadlines.SILENCE if outcome is None else _end_with_command(deployment, outcome)
    except (AWSError, ReportError) as error:
        said = error.operator if isinstance(error, AWSError) else error
        logger.info("deployment %s cannot be asked: %s", deployment.pk, said)
        return _ASK_LATER
    except EndedError:
        return None


def _look_at_command(deployment: Deployment) -> commands.CommandOutcome | None:
    """What Run Command says of a later deployment's command; a first one has none."""
    if not deployment.command_id:
        return None
    # The deadline was set when it was sent; a later one belongs to a command that has been listed.
    sent_at = (deployment.deadline or timezone.now()) - deadlines.COMMAND
    return commands.outcome(deployment.instance, deployment.command_id, sent_at=sent_at)


def _end_with_command(deployment: Deployment, outcome: commands.CommandOutcome) -> timedelta | None:
    """A command that failed before it reached deploy.sh leaves no result."""
    end = outcome.end
    if end is None:
        return deadlines.SILENCE
    logger.log(
        logging.ERROR if end.is_alarm else logging.WARNING,
        "deployment %s: command %s ended as %s (exit code %s)",
        deployment.pk,
        deployment.command_id,
        outcome.state,
        outcome.exit_code,
    )
    step = current_step(deployment)
    secrets = texts.secrets_of(deployment.application_id)
    text = texts.redact(texts.clean(outcome.output), secrets)[-CONSOLE:]
    deployment.steps.filter(name=step, log="").update(log=text)
    endings.fail(deployment, step, code=end.code, reason=end.person)
    return None


def conclude(deployment: Deployment) -> timedelta | None:
    """The machine has given its verdict; of a good one the portal convinces itself."""
    result = deployment.result or {}
    if result["state"] != StepState.SUCCEEDED:
        code, reason = result["code"] or "deployment-failed", result["reason"]
        endings.fail(deployment, StepName(result["step"]), code=code, reason=reason)
        return None
    if rebuilding.is_checked(deployment):
        return rebuilding.go_on(deployment)
    address = deployment.instance.public_ip
    if not address:
        return _SOON
    steps.begin(deployment, StepName.HEALTH, message=reports.CHECKING)
    found = health.ask(address, deployment.application.health_path, check=check_token(deployment))
    if found.is_live and deployment.kind == Deployment.Kind.REBUILD:
        rebuilding.check(deployment)
        return timedelta(0)
    if found.is_live:
        endings.succeed(deployment)
        return None
    steps.tell(deployment, StepName.HEALTH, found.reason)
    return _ASK_AGAIN


def end_overdue(deployment: Deployment) -> None:
    """The deadline has passed: the end, with what is known."""
    step = current_step(deployment)
    row = deployment.steps.get(name=step)
    if deployment.started_at is None:
        code, reason = "queue-timeout", "No worker has taken it up."
    elif deployment.result is not None and not rebuilding.is_checked(deployment):
        step, code = StepName.HEALTH, "address-unreachable"
        reason = row.message or "The instance has no public address."
    else:
        heard = (
            f" Last heard of the machine at {deployment.heard_at:%H:%M:%S} UTC."
            if deployment.heard_at
            else ""
        )
        code, reason = f"{step}-timeout", f"It did not end in time.{heard} {row.message}".strip()
        if not deployment.heard_at:
            _keep_console(deployment, step)
    give_up(deployment, step, code=code, reason=reason)


def give_up(deployment: Deployment, step: StepName, *, code: str, reason: str) -> None:
    """Fail it. Where the machine serves its release already, the one that served before serves again."""
    with Application.kept(deployment.application_id):
        rows = Deployment.objects.select_for_update(no_key=True).filter(pk=deployment.pk)
        deployment.result = rows.values_list("result", flat=True).get()
        endings.fail(deployment, step, code=code, reason=f"{reason}{_what_returns(deployment)}")
        returning.bring_back(deployment.application_id)


def _what_returns(deployment: Deployment) -> str:
    live = releases.live(deployment.application)
    waiting = deployment.application.deployments.filter(state=DeploymentState.QUEUED)
    is_return = deployment.trigger == Deployment.Trigger.PORTAL
    if live is None or is_return or not deployment.serves_already or waiting.exists():
        return ""
    return f" The release of deployment {live.release.lstrip('0')} comes back by itself."


def _keep_console(deployment: Deployment, step: StepName) -> None:
    """The machine's last words, below what it reported itself."""
    if not deployment.instance.ec2_id:
        return
    try:
        text = texts.clean(commands.console(deployment.instance))
    except AWSError as error:
        logger.info("no console of %s: %s", deployment.instance, error)
        return
    secrets = texts.secrets_of(deployment.application_id)
    tail = Value(f"\n[the machine's console]\n{texts.redact(text, secrets)[-CONSOLE:]}")
    deployment.steps.filter(name=step).update(log=Concat(F("log"), tail))

"""What a person asks for, from a page, the command line or the API. Each is one transaction and an event."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from .. import logs
from ..accounts import limits
from ..accounts.models import User
from ..deployments import actions as deployments
from ..deployments import migration_plans, plan, queueing, releases, returning
from ..deployments.actions import RefusedError
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..instances.models import Instance, LedgerEntry
from ..instances.states import InstanceState
from ..wakeups import wake_termination
from ..webhooks.models import Webhook
from . import env_files, environment, variables
from .models import Application, DeployKey, EnvironmentVariable, Event, SiteKey

__all__ = [
    "RefusedError",
    "apply_environment",
    "cancel",
    "create_application",
    "deploy_again",
    "deploy_confirmed",
    "export_environment",
    "roll_back",
    "set_environment",
    "terminate",
]

_REFUSED = {
    InstanceState.STOPPING: "The instance is being stopped. Start it first.",
    InstanceState.STOPPED: "The instance is stopped. Start it first.",
    InstanceState.SHUTTING_DOWN: "The instance is being terminated. Deploy again when it has gone.",
}


def create_application(
    *,
    owner: User,
    by: User | None,
    trigger: Deployment.Trigger,
    environment: Mapping[str, str],
    submission: UUID | None = None,
    **fields: Any,
) -> Application:
    """Register an application, and queue its instance and first deployment.

    ``fields`` are columns of Application that ``ApplicationForm`` has checked. A submission that was made
    before gives the application that it made. Raises IntegrityError when the owner has the name already, and
    RefusedError beyond a limit.
    """
    logs.hide(environment.values())
    try:
        with transaction.atomic():
            application = Application.objects.create(owner=owner, submission=submission, **fields)
            SiteKey.objects.create(application=application)
            Webhook.objects.create(application=application)
            _record(application, by=by, verb="created")
            _give_environment(application, environment, by=by)
            with Application.kept(application.pk):
                _launch_and_deploy(application, by=by, trigger=trigger)
    except IntegrityError:
        earlier = Application.objects.filter(owner=owner, submission=submission).first()
        if submission is None or earlier is None:
            raise
        return earlier
    return application


def deploy_again(
    application: Application, *, by: User | None, trigger: Deployment.Trigger, commit: str = "", **asked: Any
) -> Deployment:
    """Queue a deployment of a commit, the branch's newest unless given; on a new instance where none is left.

    ``asked``: ``again``, also where that commit is live already; ``pushed_by``. Raises RefusedError, whose
    text is for the person.
    """
    with Application.kept(application.pk):
        current = _going_on(application)
        instance = Instance.machine_of(current)
        if instance is None or instance.state in plan.NO_MACHINE:
            return _launch_and_deploy(current, by=by, trigger=trigger, commit_sha=commit, **asked)
        _refuse_unless_up(instance)
        return queueing.queue(current, instance=instance, by=by, trigger=trigger, commit_sha=commit, **asked)


def roll_back(to: Deployment, *, by: User | None, trigger: Deployment.Trigger) -> Deployment:
    """Queue the switch back to the release that a deployment made and its machine keeps.

    Raises RefusedError, whose text is for the person.
    """
    with Application.kept(to.application_id):
        if to not in releases.kept(_going_on(to.application)):
            raise RefusedError(f"The release of deployment {to.number} is not kept any more.")
        _refuse_unless_up(to.instance)
        return queueing.queue_rollback(to, by=by, trigger=trigger)


def _going_on(application: Application) -> Application:
    """The application as it is by now. Raises RefusedError where it is terminated."""
    current = Application.objects.get(pk=application.pk)
    if current.terminate_requested_at:
        raise RefusedError("This application is terminated. Make a new one to deploy again.")
    return current


def _refuse_unless_up(instance: Instance) -> None:
    change = instance.changes.filter(state="running").first()
    if change is not None:
        raise RefusedError(f"The machine is changed at the moment ({change.line}). Wait until that is done.")
    state = InstanceState.SHUTTING_DOWN if instance.end_asked_at else InstanceState(instance.state)
    if state in _REFUSED:
        raise RefusedError(_REFUSED[state])


def deploy_confirmed(deployment: Deployment, *, by: User | None, trigger: Deployment.Trigger) -> Deployment:
    """Queue the commit of a deployment whose migrations waited, with these migrations and no others.

    Raises RefusedError, whose text is for the person.
    """
    if not migration_plans.waits(deployment):
        raise RefusedError(f"The migrations of deployment {deployment.number} wait for nobody.")
    live = releases.live(deployment.application)
    if live is not None and live.number > deployment.number:
        raise RefusedError(f"Deployment {live.number} has gone live since. Deploy again to see the rest.")
    with transaction.atomic():
        asked = {"again": True, "confirmed_plan": migration_plans.digest(deployment.plan or [])}
        confirmed = deploy_again(
            deployment.application, by=by, trigger=trigger, commit=deployment.commit_sha, **asked
        )
        detail = f"deployment {confirmed.number}: those of deployment {deployment.number}"
        _record(deployment.application, by=by, verb="migrations confirmed", detail=detail)
    return confirmed


def _launch_and_deploy(
    application: Application, *, by: User | None, trigger: Deployment.Trigger, **asked: Any
) -> Deployment:
    instance = Instance(application=application, instance_type=application.instance_type)
    reason = limits.refusal(application.owner, application.instance_type)
    if reason:
        raise RefusedError(reason)
    instance.save()
    return queueing.queue(application, instance=instance, by=by, trigger=trigger, **asked)


def cancel(application: Application, *, by: User | None) -> None:
    """Stop what waits and what runs. A machine that has served nothing is ended; one that serves goes on.

    Raises RefusedError when nothing is to be stopped.
    """
    with Application.kept(application.pk):
        current = Application.objects.get(pk=application.pk)
        found = deployments.unfinished(current)
        serving = [each for each in found if each.serves_already]
        cancelled = deployments.cancel_all(
            (each for each in found if each not in serving), reason="It was cancelled."
        )
        if serving and not cancelled:
            raise RefusedError(f"Deployment {serving[0].number} serves already. Roll back when it has ended.")
        if not cancelled:
            raise RefusedError("The deployment has ended already: there is nothing to cancel.")
        numbers = ", ".join(str(deployment.number) for deployment in reversed(cancelled))
        _record(current, by=by, verb="cancelled", detail=f"deployment {numbers}")
        for deployment in cancelled:
            if deployment.kind == Deployment.Kind.FIRST:
                _end_unless_it_served(deployment.instance_id)
        returning.bring_back(application.pk)


def _end_unless_it_served(pk: UUID) -> None:
    """A push that was queued before the machine was there counts as a first deployment until it begins."""
    served = Deployment.objects.filter(instance=pk, state=DeploymentState.SUCCEEDED).exists()
    if not served and Instance.objects.filter(pk=pk).update(end_asked_at=timezone.now()):
        wake_termination(pk)


def set_environment(
    application: Application,
    *,
    by: User | None,
    values: Mapping[str, str | None],
    secret: Mapping[str, bool] | None = None,
) -> None:
    """Set these variables and remove those whose value is None; the next deployment has the change.

    ``secret``: by name, whether the value is never shown again; others stay as they are, and new ones are.
    The history names the variables, never their values. Raises RefusedError.
    """
    logs.hide(value for value in values.values() if value is not None)
    flags = secret or {}
    with Application.kept(application.pk):
        present = environment.read_variables(application)
        wanted = environment.merge(present, values)
        revealed = environment.revealed(present, values, flags)
        if revealed:
            raise RefusedError(environment.NOT_SHOWN.format(", ".join(revealed)))
        try:
            variables.check(dict[object, object](wanted))
        except variables.VariableError as error:
            raise RefusedError(str(error)) from error
        changes = [each for each in environment.compare(present, values, flags) if each.is_change]
        gone = [each.name for each in changes if each.name not in wanted]
        application.environment.filter(name__in=gone).delete()
        for each in changes:
            if each.name in wanted:
                fields = {"value": wanted[each.name], "secret": each.secret, "changed_by": by}
                application.environment.update_or_create(name=each.name, defaults=fields)
        if changes:
            _record(application, by=by, verb=environment.CHANGED, detail=environment.describe(changes))


def apply_environment(
    application: Application, *, by: User | None, trigger: Deployment.Trigger
) -> Deployment:
    """Bring what is saved live with the commit that is; the switch loses no request.

    One that waits to begin does it, and is given. Raises RefusedError, whose text is for the person.
    """
    with Application.kept(application.pk):
        current = _going_on(application)
        waiting = current.deployments.filter(state=DeploymentState.QUEUED).first()
        if waiting is not None and waiting.rolls_back_to_id:
            raise RefusedError(f"Deployment {waiting.number} goes back to an older release first.")
        if waiting is not None:
            return waiting
        live = releases.live(current)
        if live is None:
            raise RefusedError("Nothing is live yet: the next deployment has the change.")
        _refuse_unless_up(live.instance)
        if live.instance.state in plan.NO_MACHINE:
            raise RefusedError("The instance is gone: the next deployment has the change.")
        return deploy_again(current, by=by, trigger=trigger, commit=live.commit_sha, again=True, of_live=True)


def export_environment(application: Application, *, by: User | None) -> str:
    """The variables as a ``.env`` file, without the values of secrets; the history says who took it."""
    with transaction.atomic():
        found = environment.read_variables(application)
        shown = ", ".join(name for name, each in found.items() if not each.secret)
        _record(application, by=by, verb=environment.EXPORTED, detail=shown)
    return env_files.write(found.values())


def _give_environment(application: Application, values: Mapping[str, str], *, by: User | None) -> None:
    """The first variables, which its form has checked."""
    EnvironmentVariable.objects.bulk_create(
        EnvironmentVariable(application=application, name=name, value=value, changed_by=by)
        for name, value in values.items()
    )
    if values:
        _record(application, by=by, verb=environment.CHANGED, detail=", ".join(sorted(values)))


def terminate(application: Application, *, by: User | None) -> None:
    """End the application's instance for good, and cancel what is unfinished; the history stays.

    Raises RefusedError when that was asked for before.
    """
    with Application.kept(application.pk):
        waiting = Application.objects.filter(pk=application.pk, terminate_requested_at=None)
        if not waiting.update(terminate_requested_at=timezone.now()):
            raise RefusedError("This application is being terminated already.")
        _record(application, by=by, verb="terminate")
        unfinished = deployments.unfinished(application)
        deployments.cancel_all(unfinished, reason="The application was terminated.")
        _give_key_up(application)
        for pk in application.instances.exclude(state__in=plan.NO_MACHINE).values_list("pk", flat=True):
            wake_termination(pk)
    application.refresh_from_db(fields=["terminate_requested_at", "status"])


def _give_key_up(application: Application) -> None:
    """The row said that there is a secret; the ledger of the newest instance says so until it has gone."""
    newest = application.instances.order_by("-created_at").first()
    if newest is not None and DeployKey.objects.filter(application=application).delete()[0]:
        LedgerEntry.expect(newest, LedgerEntry.Kind.DEPLOY_KEY)
        wake_termination(newest.pk)


def _record(application: Application, *, by: User | None, verb: str, detail: str = "") -> None:
    Event.objects.create(application=application, actor=by, subject="application", verb=verb, detail=detail)

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
from ..deployments import migration_plans, plan, releases
from ..deployments.actions import RefusedError
from ..deployments.models import Deployment
from ..instances.models import Instance, LedgerEntry
from ..instances.states import InstanceState
from ..wakeups import wake_termination
from ..webhooks.models import Webhook
from . import variables
from .models import Application, DeployKey, EnvironmentVariable, Event, SiteKey

__all__ = [
    "RefusedError",
    "cancel",
    "create_application",
    "deploy_again",
    "deploy_confirmed",
    "roll_back",
    "set_environment",
    "terminate",
]

#: What a deployment that rolls back takes from the one that made the release.
_OF_A_RELEASE = (
    "branch", "commit_sha", "commit_subject", "commit_author", "committed_at", "facts", "configuration"
)  # fmt: skip
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
            EnvironmentVariable.objects.bulk_create(
                EnvironmentVariable(application=application, name=name, value=value)
                for name, value in environment.items()
            )
            _record(application, by=by, verb="created")
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
        instance = current.instances.order_by("-created_at").first()
        if instance is None or instance.state in plan.NO_MACHINE:
            return _launch_and_deploy(current, by=by, trigger=trigger, commit_sha=commit, **asked)
        _refuse_unless_up(instance)
        return deployments.queue(
            current, instance=instance, by=by, trigger=trigger, commit_sha=commit, **asked
        )


def roll_back(to: Deployment, *, by: User | None, trigger: Deployment.Trigger) -> Deployment:
    """Queue the switch back to the release that a deployment made and its machine keeps.

    Raises RefusedError, whose text is for the person.
    """
    with Application.kept(to.application_id):
        current = _going_on(to.application)
        if to not in releases.kept(current):
            raise RefusedError(f"The release of deployment {to.number} is not kept any more.")
        _refuse_unless_up(to.instance)
        copied = {name: getattr(to, name) for name in _OF_A_RELEASE}
        return deployments.queue(
            current, instance=to.instance, by=by, trigger=trigger, rolls_back_to=to, **copied
        )


def _going_on(application: Application) -> Application:
    """The application as it is by now. Raises RefusedError where it is terminated."""
    current = Application.objects.get(pk=application.pk)
    if current.terminate_requested_at:
        raise RefusedError("This application is terminated. Make a new one to deploy again.")
    return current


def _refuse_unless_up(instance: Instance) -> None:
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
    return deployments.queue(application, instance=instance, by=by, trigger=trigger, **asked)


def cancel(application: Application, *, by: User | None) -> None:
    """Stop what waits and what runs. A machine that has served nothing is ended; one that serves goes on.

    Raises RefusedError when nothing is to be stopped.
    """
    with Application.kept(application.pk):
        current = Application.objects.get(pk=application.pk)
        cancelled = deployments.cancel_unfinished(current, reason="It was cancelled.")
        if not cancelled:
            raise RefusedError("The deployment has ended already: there is nothing to cancel.")
        numbers = ", ".join(str(deployment.number) for deployment in reversed(cancelled))
        _record(current, by=by, verb="cancelled", detail=f"deployment {numbers}")
        for deployment in cancelled:
            if deployment.kind == Deployment.Kind.FIRST:
                instance = Instance.objects.filter(pk=deployment.instance_id)
                instance.update(end_asked_at=timezone.now())
                wake_termination(deployment.instance_id)


def set_environment(application: Application, *, by: User | None, values: Mapping[str, str | None]) -> None:
    """Set these variables and remove those whose value is None; the next deployment has the change.

    The history names the variables, never their values. Raises RefusedError.
    """
    logs.hide(value for value in values.values() if value is not None)
    with transaction.atomic():
        Application.objects.select_for_update().get(pk=application.pk)
        present = dict(application.environment.values_list("name", "value"))
        wanted = {name: value for name, value in {**present, **values}.items() if value is not None}
        try:
            variables.check(dict[object, object](wanted))
        except variables.VariableError as error:
            raise RefusedError(str(error)) from error
        changed = sorted(name for name in values if wanted.get(name) != present.get(name))
        application.environment.filter(name__in=changed).exclude(name__in=wanted).delete()
        for name in changed:
            if name in wanted:
                application.environment.update_or_create(name=name, defaults={"value": wanted[name]})
        if changed:
            _record(application, by=by, verb="environment changed", detail=", ".join(changed))


def terminate(application: Application, *, by: User | None) -> None:
    """End the application's instance for good, and cancel what is unfinished; the history stays.

    Raises RefusedError when that was asked for before.
    """
    with Application.kept(application.pk):
        waiting = Application.objects.filter(pk=application.pk, terminate_requested_at=None)
        if not waiting.update(terminate_requested_at=timezone.now()):
            raise RefusedError("This application is being terminated already.")
        _record(application, by=by, verb="terminate")
        deployments.cancel_unfinished(application, reason="The application was terminated.")
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

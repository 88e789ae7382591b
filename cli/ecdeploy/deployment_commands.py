"""Deployments: made, followed, undone, stopped."""

import click

from . import terminal
from .failures import RefusedFailure
from .following import follow_deployment, print_logs, refuse_a_bad_end
from .options import Call, followed, of_application
from .portal import Record


def finish(call: Call, deployment: Record) -> None:
    """Follow it to its end, and say where the site is. Raises Failure where it did not come so far."""
    progress = follow_deployment(call.portal, deployment["id"], as_json=call.as_json)
    refuse_a_bad_end(call.portal, progress)
    ended = progress.deployment
    if ended["reason"]:
        terminal.tell(ended["reason"])
    address = call.portal.get(f"/applications/{ended['application_id']}")["address"]
    if address and not call.as_json:
        terminal.say(address)


def _queued(call: Call, deployment: Record, *, no_follow: bool) -> None:
    if no_follow:
        call.answer(deployment, f"Deployment {deployment['number']} is {deployment['state']}.")
    else:
        finish(call, deployment)


@click.command()
@click.option("--commit", default="", metavar="SHA", help="40 digits; left out: the branch's newest.")
@click.option("--again", is_flag=True, help="Also where that commit is live already.")
@followed
@of_application
def deploy(call: Call, application: Record, *, commit: str, again: bool, no_follow: bool) -> None:
    """Bring a commit live. The old release serves until the new one has answered."""
    body = {"commit": commit, "again": again}
    deployment = call.portal.post(f"/applications/{application['id']}/deployments", body)
    _queued(call, deployment, no_follow=no_follow)


@click.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@followed
@of_application
def rollback(call: Call, application: Record, *, number: int | None, no_follow: bool) -> None:
    """Switch back to the release of deployment NUMBER, or to the one before the one that is live."""
    target = _release(call, application) if number is None else _find(call, application, number)
    made = target["rolls_back_to_id"] or target["id"]
    deployment = call.portal.post(f"/deployments/{made}/rollback")
    _queued(call, deployment, no_follow=no_follow)


def _release(call: Call, application: Record) -> Record:
    """The newest deployment that made another release live than the one that is."""
    every = call.portal.walk(f"/applications/{application['id']}/deployments", "deployments")
    live = None
    for each in every:
        if each["state"] != "succeeded":
            continue
        release = each["rolls_back_to_id"] or each["id"]
        live = live or release
        if release != live:
            return each
    raise RefusedFailure("There is no release before the one that is live.")


def _find(call: Call, application: Record, number: int) -> Record:
    every = call.portal.walk(f"/applications/{application['id']}/deployments", "deployments")
    for each in every:
        if each["number"] == number:
            return each
        if each["number"] < number:
            break
    raise RefusedFailure(f"{terminal.line(application['name'])} has no deployment {number}.")


@click.command()
@click.argument("number", type=click.IntRange(min=1))
@followed
@of_application
def confirm(call: Call, application: Record, *, number: int, no_follow: bool) -> None:
    """Deploy the commit of deployment NUMBER, whose migrations waited, with these migrations."""
    deployment = call.portal.post(f"/deployments/{_find(call, application, number)['id']}/confirm")
    _queued(call, deployment, no_follow=no_follow)


@click.command()
@of_application
def cancel(call: Call, application: Record) -> None:
    """Stop the deployments that wait and run. A site that is live stays as it is."""
    after = call.portal.post(f"/applications/{application['id']}/cancel")
    call.answer(after, f"{terminal.line(after['name'])}: {after['status']}")


@click.command()
@click.option("--deployment", "number", type=click.IntRange(min=1), help="Its number; left out: the newest.")
@click.option("--step", metavar="NAME", help="One step's log alone, such as install.")
@click.option(
    "-f", "--follow", is_flag=True, help="Go on until the deployment has ended, and end as it does."
)
@of_application
def logs(call: Call, application: Record, *, number: int | None, step: str | None, follow: bool) -> None:
    """Print what a deployment's steps have printed."""
    deployment = application["deployment"] if number is None else _find(call, application, number)
    if deployment is None:
        raise RefusedFailure("There is no deployment yet.")
    progress = print_logs(call.portal, deployment["id"], only=step, follow=follow, as_json=call.as_json)
    names = [each["name"] for each in progress.steps]
    if step is not None and step not in names:
        raise RefusedFailure(
            f"Deployment {deployment['number']} has no step {step}. It has {', '.join(names)}."
        )
    if follow:
        refuse_a_bad_end(call.portal, progress)

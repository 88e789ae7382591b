"""Deployments: made, followed, undone, stopped."""

import click

from . import terminal
from .failures import RefusedFailure
from .following import follow_deployment, refuse_a_bad_end
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
    target = _release(call, application) if number is None else find_deployment(call, application, number)
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


def find_deployment(call: Call, application: Record, number: int) -> Record:
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
    deployment = call.portal.post(f"/deployments/{find_deployment(call, application, number)['id']}/confirm")
    _queued(call, deployment, no_follow=no_follow)


@click.command()
@of_application
def cancel(call: Call, application: Record) -> None:
    """Stop the deployments that wait and run. A site that is live stays as it is."""
    after = call.portal.post(f"/applications/{application['id']}/cancel")
    call.answer(after, f"{terminal.line(after['name'])}: {after['status']}")

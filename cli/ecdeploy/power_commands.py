"""The machine itself: stopped, started, rebooted, resized."""

from time import sleep

import click

from . import terminal
from .deployment_commands import finish
from .failures import Failure, RefusedFailure
from .options import Call, followed, of_application
from .portal import Record

PAUSE = 2.0


@click.group()
def machine() -> None:
    """Stop, start, reboot or resize the machine of an application."""


@machine.command()
@of_application
def show(call: Call, application: Record) -> None:
    """Its state, type, address and price."""
    record = call.portal.get(f"/applications/{application['id']}/machine")
    instance = record["instance"] or {}
    lines = [f"{instance.get('state', 'none')} {instance.get('instance_type', '')}"]
    stays = "stays" if record["address_stays"] else "changes at a stop"
    lines.append(f"{instance.get('public_ip') or 'no address'} ({stays})")
    lines.append(f"${record['monthly_usd']} a month, ${record['stopped_monthly_usd']} while stopped")
    call.answer(record, "\n".join(terminal.line(line) for line in lines))


@machine.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@followed
@of_application
def stop(call: Call, application: Record, *, yes: bool, no_follow: bool) -> None:
    """Stop it: the site is away until it is started. Disk and Elastic IP stay, and cost."""
    _confirm(application, "The site does not answer until the machine is started.", yes=yes)
    _ask(call, application, "stop", no_follow=no_follow)


@machine.command()
@followed
@of_application
def start(call: Call, application: Record, *, no_follow: bool) -> None:
    """Start it, and wait until the site answers."""
    _ask(call, application, "start", no_follow=no_follow)


@machine.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@followed
@of_application
def reboot(call: Call, application: Record, *, yes: bool, no_follow: bool) -> None:
    """Reboot it: the site is away for about a minute."""
    _confirm(application, "The site does not answer for about a minute.", yes=yes)
    _ask(call, application, "reboot", no_follow=no_follow)


@machine.command()
@click.argument("instance_type")
@click.option("--yes", is_flag=True, help="Do not ask.")
@followed
@of_application
def resize(call: Call, application: Record, *, instance_type: str, yes: bool, no_follow: bool) -> None:
    """Make it an INSTANCE_TYPE: it is stopped for that, for one or two minutes."""
    types = call.portal.get("/limits")["instance_types"]
    price = next((each["monthly_usd"] for each in types if each["name"] == instance_type), None)
    now = call.portal.get(f"/applications/{application['id']}/machine")["monthly_usd"]
    text = f"The site does not answer for one or two minutes. A month costs ${price} then, and ${now} now."
    _confirm(application, text, yes=yes)
    _ask(call, application, "resize", {"instance_type": instance_type}, no_follow=no_follow)


@machine.command()
@click.option("--new-address", is_flag=True, help="Also where no Elastic IP keeps the address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@followed
@of_application
def rebuild(call: Call, application: Record, *, new_address: bool, yes: bool, no_follow: bool) -> None:
    """Replace it by a new machine of the newest image. The old one serves until that is healthy."""
    text = (
        "While what the site keeps goes over, visitors are told to come back. Both machines cost meanwhile."
    )
    _confirm(application, text, yes=yes)
    address = f"/applications/{application['id']}/machine/rebuild"
    deployment = call.portal.post(address, {"new_address": new_address})
    if no_follow:
        call.answer(deployment, f"Deployment {deployment['number']} is {deployment['state']}.")
    else:
        finish(call, deployment)


def _confirm(application: Record, text: str, *, yes: bool) -> None:
    if yes:
        return
    if not terminal.is_interactive():
        raise RefusedFailure(f"{text} Where nobody can be asked, say --yes.")
    name = terminal.line(application["name"])
    if not click.confirm(f"{text} Go on with {name}?", err=True):
        raise RefusedFailure("Nothing was done.")


def _ask(call: Call, application: Record, kind: str, body: Record | None = None, *, no_follow: bool) -> None:
    address = f"/applications/{application['id']}/machine"
    record = call.portal.post(f"{address}/{kind}", body)
    change, told = record["change"], ""
    while not no_follow and change["state"] == "running":
        if change["note"] != told and not call.as_json:
            told = change["note"]
            terminal.tell(terminal.line(told))
        sleep(PAUSE)
        record = call.portal.get(address)
        change = record["change"]
    if change["state"] == "failed":
        raise Failure(terminal.line(change["reason"]))
    call.answer(record, f"{terminal.line(application['name'])}: {kind} is {change['state']}")

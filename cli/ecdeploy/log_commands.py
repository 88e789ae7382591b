"""What deployments have printed, and the logs of the machine that serves."""

from typing import Any

import click

from . import terminal
from .deployment_commands import find_deployment
from .failures import Failure, InterruptedFailure, RefusedFailure
from .following import follow_reading, print_logs, refuse_a_bad_end
from .options import Call, of_application
from .portal import Record

_SINCE = {"15m": 15, "1h": 60, "1d": 24 * 60, "7d": 7 * 24 * 60}


@click.command()
@click.option("--deployment", "number", type=click.IntRange(min=1), help="Its number; left out: the newest.")
@click.option("--step", metavar="NAME", help="One step's log alone, such as install.")
@click.option("--source", metavar="NAME", help="A log of the machine instead, such as web or nginx-error.")
@click.option("--sources", "only_names", is_flag=True, help="List the logs of the machine.")
@click.option("--search", default="", metavar="TEXT", help="With --source: only lines with this text.")
@click.option("--since", type=click.Choice(list(_SINCE)), help="With --source: only lines of that time.")
@click.option("--lines", type=click.Choice(["100", "500", "2000"]), default="100", show_default=True)
@click.option("--whole", is_flag=True, help="With --source: the newest 10 MB in place of lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the deployment has ended, or Ctrl-C.")
@of_application
def logs(call: Call, application: Record, /, *, follow: bool, only_names: bool, **given: Any) -> None:
    """Print what a deployment's steps have printed, or a log of the machine."""
    if only_names:
        _list(call, application)
    elif given["source"] is not None:
        _read(call, application, follow=follow, **given)
    else:
        _of_deployment(call, application, follow=follow, **given)


def _of_deployment(
    call: Call, application: Record, *, number: int | None, step: str | None, follow: bool, **other: Any
) -> None:
    if other["search"] or other["since"] or other["whole"]:
        raise RefusedFailure("--search, --since and --whole belong to a log of the machine: add --source.")
    deployment = application["deployment"] if number is None else find_deployment(call, application, number)
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


def _list(call: Call, application: Record) -> None:
    found = call.portal.get(f"/applications/{application['id']}/logs/sources")
    if call.as_json:
        terminal.say_json(found)
        return
    rows = [["NAME", "LOG", "BYTES", "LAST LINE"]]
    for each in found["sources"]:
        size = "" if each["size"] is None else str(each["size"])
        rows.append([each["name"], each["label"], size, each["changed_at"] or ""])
    terminal.say_table(rows)


def _read(
    call: Call, application: Record, *, number: int | None, step: str | None, since: str | None, **asked: Any
) -> None:
    if number is not None or step is not None:
        raise RefusedFailure("--source names a log of the machine: leave --deployment and --step out.")
    body = {**asked, "lines": int(asked["lines"]), "minutes": _SINCE[since] if since else 0}
    reading = call.portal.post(f"/applications/{application['id']}/logs", body)
    try:
        ended = follow_reading(call.portal, reading["id"], as_json=call.as_json)
    except KeyboardInterrupt as error:
        raise InterruptedFailure("It ends by itself, once nobody looks at it.") from error
    if ended["state"] != "succeeded":
        raise Failure(ended["reason"] or f"Reading the log was {ended['state']}.")

"""What runs beside the site on an application's machine."""

from time import sleep
from urllib.parse import quote

import click

from . import terminal
from .failures import Failure
from .options import Call, of_application
from .portal import Record


def _settled(call: Call, address: str) -> Record:
    """Ask until the machine has answered. Raises Failure with its words where it cannot do it."""
    told = call.portal.get(address)
    while told["asking"]:
        sleep(1)
        told = call.portal.get(address)
    if told["failure"]:
        raise Failure(str(told["failure"]))
    return told


def _show(call: Call, told: Record) -> None:
    if call.as_json:
        terminal.say_json(told)
        return
    rows = [["NAME", "STATE", "SINCE", "PID", "MIB", "LINE"]]
    rows += [
        [str(each[name] or "") for name in ("name", "state", "since", "pid", "memory", "line")]
        for each in told["processes"]
    ]
    terminal.say_table(rows)


@click.command()
@of_application
def ps(call: Call, application: Record) -> None:
    """List what runs on the machine: the site, and what its Procfile names."""
    address = f"/applications/{application['id']}/processes"
    call.portal.post(f"{address}/refresh")
    _show(call, _settled(call, address))


@click.command()
@click.argument("process", metavar="NAME")
@of_application
def restart(call: Call, application: Record, *, process: str) -> None:
    """Start a process anew. The site itself, web, loses no request."""
    address = f"/applications/{application['id']}/processes"
    call.portal.post(f"{address}/{quote(process, safe='')}/restart")
    _show(call, _settled(call, address))

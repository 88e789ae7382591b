"""An application's maintenance."""

import re
from collections.abc import Sequence
from typing import Any

import click

from . import terminal
from .failures import RefusedFailure
from .options import Call, Commands, of_application
from .portal import Record

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group(cls=Commands)
def maintenance() -> None:
    """Answer a site's visitors with 503 and a page, and let some addresses through."""


def _read(call: Call, application: Record) -> Record:
    return call.portal.get(f"/applications/{application['id']}/maintenance")


def _change(call: Call, application: Record, **changes: Any) -> None:
    before = _read(call, application)
    kept = ("on", "retry_after", "message", "addresses", "around_deployments")
    wanted = {name: before[name] for name in kept}
    wanted |= {name: value for name, value in changes.items() if value is not None}
    after = call.portal.put(f"/applications/{application['id']}/maintenance", wanted)
    call.answer(after, _describe(after))


def _describe(record: Record) -> str:
    state = "on" if record["on"] else "off"
    heard = "the machine has confirmed it" if record["confirmed"] else "the machine has not confirmed it yet"
    return f"Maintenance is {state}; {heard}."


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text)
    if not found:
        raise RefusedFailure(f"Found {text!a} as a time. Write seconds or minutes, such as 90 or 10m.")
    return int(found[1]) * _SECONDS[found[2]]


@maintenance.command()
@click.option("--retry-after", callback=_seconds, metavar="TIME", help="For visitors' programs: 90, 10m, 2h.")
@click.option("--message", help="Plain text on the portal's own page.")
@click.option(
    "--allow", "addresses", multiple=True, metavar="ADDRESS", help="Sees the site; in place of those before."
)
@of_application
def on(
    call: Call,
    application: Record,
    *,
    retry_after: int | None,
    message: str | None,
    addresses: Sequence[str],
) -> None:
    """Switch it on."""
    given = {"retry_after": retry_after, "message": message, "addresses": list(addresses) or None}
    _change(call, application, on=True, **given)


@maintenance.command()
@of_application
def off(call: Call, application: Record) -> None:
    """Switch it off: visitors get the site."""
    _change(call, application, on=False)


@maintenance.command()
@click.argument("wanted", type=click.Choice(["on", "off"]))
@of_application
def around(call: Call, application: Record, *, wanted: str) -> None:
    """Whether deployments that migrate switch it on by themselves."""
    _change(call, application, around_deployments=wanted == "on")


@maintenance.command()
@of_application
def show(call: Call, application: Record) -> None:
    """Show what is wanted, and whether the machine has it."""
    found = _read(call, application)
    if call.as_json:
        terminal.say_json(found)
        return
    terminal.say(_describe(found))
    for label, value in (
        ("since", found["since"] or ""),
        ("retry after", f"{found['retry_after']} s"),
        ("message", found["message"]),
        ("let through", ", ".join(found["addresses"])),
        ("deployments", "on by itself around migrations" if found["around_deployments"] else ""),
    ):
        if value:
            terminal.say(f"  {label:<13}{terminal.line(value)}")

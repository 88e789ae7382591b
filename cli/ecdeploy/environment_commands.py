"""An application's environment variables."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import click

from . import environment_files, terminal
from .failures import RefusedFailure
from .options import Call, Commands, of_application
from .portal import Record


@click.group(cls=Commands)
def env() -> None:
    """Show and change a site's environment variables.

    The next deployment has the change, or --apply brings it to the site at once.
    """


def _read(call: Call, application: Record) -> list[Record]:
    return list(call.portal.get(f"/applications/{application['id']}/environment")["variables"])


def _change(call: Call, application: Record, **what: Any) -> None:
    after = call.portal.patch(f"/applications/{application['id']}/environment", what)
    changed = ", ".join([*what.get("set", {}), *what.get("remove", [])])
    when = (
        "The site takes it now." if what["apply"] else "The next deployment has it: ecdeploy deploy --again"
    )
    if call.as_json:
        terminal.say_json(after)
    else:
        terminal.tell(f"Changed: {changed}. {when}")


def applied(function: Any) -> Any:
    return click.option("--apply", "at_once", is_flag=True, help="Bring it to the site at once.")(function)


def marked(function: Any) -> Any:
    """--secret or --plain; with neither, the portal decides: what is new is a secret."""
    for name, told in (("plain", "Values that may be read."), ("secret", "Never show the values again.")):
        function = click.option(f"--{name}", "mark", flag_value=name, help=told)(function)
    return function


def _marks(mark: str | None, names: Iterable[str]) -> dict[str, list[str]]:
    return {mark: list(names)} if mark else {}


@env.command(name="list")
@of_application
def list_variables(call: Call, application: Record) -> None:
    """List names, and the values of those that are not secret."""
    found = _read(call, application)
    if call.as_json:
        terminal.say_json({"variables": found})
        return
    for each in found:
        value = "(secret)" if each["secret"] else terminal.line(each["value"])
        terminal.say(f"{terminal.line(each['name'])}={value}")


@env.command(name="set")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@marked
@applied
@of_application
def set_variables(
    call: Call, application: Record, *, pairs: Sequence[str], mark: str | None, at_once: bool
) -> None:
    """Set variables.

    Others can read command lines: a NAME without = is asked for unseen, or read as a line of stdin.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name in values:
            raise RefusedFailure(f"{name} is given twice. Keep one of them.")
        values[name] = value if equals else _ask(name)
    _change(call, application, set=values, remove=[], **_marks(mark, values), apply=at_once)


def _ask(name: str) -> str:
    if terminal.is_interactive():
        return str(
            click.prompt(
                f"Value of {terminal.line(name)}", hide_input=True, err=True, default="", show_default=False
            )
        )
    return sys.stdin.readline().removesuffix("\n")


@env.command(name="unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@applied
@of_application
def unset_variables(call: Call, application: Record, *, names: Sequence[str], at_once: bool) -> None:
    """Remove variables."""
    _change(call, application, set={}, remove=list(names), apply=at_once)


@env.command(name="import")
@click.argument("file", type=click.File())
@marked
@applied
@of_application
def import_variables(
    call: Call, application: Record, *, file: TextIO, mark: str | None, at_once: bool
) -> None:
    """Set what a .env FILE holds; - for stdin. Others stay as they are."""
    values = environment_files.read(file.read())
    if not values:
        raise RefusedFailure("Found no variable in it. Write lines NAME=value.")
    _change(call, application, set=values, remove=[], **_marks(mark, values), apply=at_once)


@env.command(name="export")
@of_application
def export_variables(call: Call, application: Record) -> None:
    """Print the variables as a .env file holds them; of secret ones the names alone, as comments."""
    found = _read(call, application)
    values: Mapping[str, str] = {each["name"]: each["value"] for each in found if not each["secret"]}
    hidden = [str(each["name"]) for each in found if each["secret"]]
    if call.as_json:
        terminal.say_json({"values": values, "secret": hidden})
        return
    text = environment_files.write(values) + "".join(f"# {name} is secret\n" for name in hidden)
    # A file gets every value byte for byte; a terminal nothing that it would obey.
    click.echo(terminal.clean(text) if sys.stdout.isatty() else text, nl=False, color=True)

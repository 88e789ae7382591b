"""Options that commands share, and what a command gets for them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import click

from . import applications, credentials, terminal
from .failures import Failure, InterruptedFailure
from .portal import Portal, Record

Rest = ParamSpec("Rest")
Some = TypeVar("Some", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command of a person: where it goes, and how it is to be answered."""

    portal: Portal
    as_json: bool

    def answer(self, record: Record, text: str) -> None:
        """The one or the other."""
        if self.as_json:
            terminal.say_json(record)
        else:
            terminal.say(text)


class Commands(click.Group):
    """Interrupted, anything ends with 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort, EOFError) as error:
            raise InterruptedFailure("Interrupted.") from error


def signed_in(
    function: Callable[Concatenate[Call, Rest], None],
) -> Callable[..., None]:
    """Adds --portal and --json; the command gets a Call."""

    @click.option(
        "--portal", "address", envvar="ECDEPLOY_PORTAL", metavar="URL", help="Another portal than usual."
    )
    @click.option("--json", "as_json", is_flag=True, help="Print objects for programs, and nothing else.")
    @functools.wraps(function)
    def command(*args: Rest.args, **named: Rest.kwargs) -> None:
        address, as_json = cast("str | None", named.pop("address")), bool(named.pop("as_json"))
        call = Call(portal=Portal(*credentials.choose(address)), as_json=as_json)
        function(call, *args, **named)

    return cast("Callable[..., None]", command)


def of_application(
    function: Callable[Concatenate[Call, Record, Rest], None],
) -> Callable[..., None]:
    """Adds --app beside the rest; the command gets a Call and the application's record."""

    @click.option(
        "-a",
        "--app",
        envvar="ECDEPLOY_APP",
        metavar="NAME",
        shell_complete=_complete_names,
        help="Its name or id. Left out: the one with this directory's repository.",
    )
    @functools.wraps(function)
    def command(call: Call, /, app: str | None, *args: Rest.args, **named: Rest.kwargs) -> None:
        function(call, applications.find(call.portal, app), *args, **named)

    return signed_in(cast("Callable[..., None]", command))


def followed(function: Some) -> Some:
    option = click.option("--no-follow", is_flag=True, help="Queue it, and wait for nothing.")
    return option(function)


def _complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Nothing where nobody is signed in: a shell that completes shows no errors."""
    try:
        portal = Portal(*credentials.choose(ctx.params.get("address")))
        found = portal.get("/applications", limit=100)["applications"]
    except Failure:
        return []
    return [name for each in found if (name := terminal.line(each["name"])).startswith(incomplete)]

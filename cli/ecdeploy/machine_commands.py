"""Commands on an application's machine."""

from collections.abc import Sequence

import click

from . import terminal
from .failures import FAILED, Failure, InterruptedFailure
from .following import follow_command
from .options import Call, of_application
from .portal import Record

_LARGEST_CODE = 255


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- WORD...")
@of_application
def run(call: Call, application: Record, *, words: Sequence[str]) -> None:
    """Run manage.py on the machine, and end with its exit code.

    For instance: ecdeploy run -- migrate --plan
    """
    command = call.portal.post(f"/applications/{application['id']}/commands", {"words": list(words)})
    try:
        ended = follow_command(call.portal, command["id"], as_json=call.as_json)
    except KeyboardInterrupt as error:
        raise InterruptedFailure(_interrupt(call, command)) from error
    if call.as_json:
        terminal.say_json(ended)
    if ended["state"] != "succeeded":
        code = ended["exit_code"] or FAILED
        reason = ended["reason"] or f"{terminal.line(ended['line'])}: exit code {code}"
        terminal.tell(reason)
        click.get_current_context().exit(code if 0 < code <= _LARGEST_CODE else FAILED)


def _interrupt(call: Call, command: Record) -> str:
    """Cancel it, unless somebody is there who wants it to go on; the last words."""
    if terminal.is_interactive() and not click.confirm("\nCancel it on the machine?", default=True, err=True):
        return "It goes on; its output is on the portal's page."
    try:
        call.portal.post(f"/commands/{command['id']}/cancel")
    except Failure as failure:
        return f"It could not be cancelled: {failure.message}"
    return "It was cancelled."

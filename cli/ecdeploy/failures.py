"""How a command ends when it does not end well. docs/command-line.md lists the exit codes."""

from typing import IO, Any

import click

from . import terminal

FAILED, REFUSED, NOT_SIGNED_IN, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 130


class Failure(click.ClickException):
    """The text is for a person, and is cleaned where it is shown."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        terminal.tell(self.message)


class RefusedFailure(Failure):
    """What was asked for is wrong, or cannot be done now."""

    exit_code = REFUSED


class NotSignedInFailure(Failure):
    exit_code = NOT_SIGNED_IN


class UnreachableFailure(Failure):
    """Nobody answers, or not as a portal does."""

    exit_code = UNREACHABLE


class InterruptedFailure(Failure):
    exit_code = INTERRUPTED

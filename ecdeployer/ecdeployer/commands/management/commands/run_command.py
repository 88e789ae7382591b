import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ....applications.management.following import (
    FAILED,
    WRONG_INPUT,
    OperatorCommand,
    add_naming_arguments,
    find_application,
)
from ... import actions, output
from ...models import Command as MachineCommand
from ...states import CommandState
from ...words import WordsError, read

_LOOK = 0.3


class Command(OperatorCommand):
    """Exit codes: that of the command; 1 where it has none, 2 for wrong input."""

    help = "Run manage.py on an application's machine, in the release that is live, and print what it prints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_naming_arguments(parser)
        parser.add_argument("line", help="for instance: 'migrate --plan'")

    def handle(self, **options: Any) -> None:
        application = find_application(options["name"], owner=options["owner"])
        try:
            command = actions.manage(application, read(options["line"]), by=None)
        except WordsError as error:
            raise CommandError(f"line: {error}", returncode=WRONG_INPUT) from error
        except actions.RefusedError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        ended = self._follow(command)
        if ended.state != CommandState.SUCCEEDED:
            code = ended.exit_code if ended.exit_code and ended.exit_code > 0 else FAILED
            raise CommandError(ended.reason or f"It ended with {ended.exit_code}.", returncode=code)

    def _follow(self, command: MachineCommand) -> MachineCommand:
        printed = 0
        while True:
            current = MachineCommand.objects.get(pk=command.pk)
            text, printed = output.read(current.pk, printed, size=current.output_length or 1)
            self.stdout.write(text, ending="")
            self.stdout.flush()
            if current.is_final and printed >= current.output_length:
                return current
            time.sleep(_LOOK)

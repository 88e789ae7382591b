from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ... import actions
from ..following import FAILED, OperatorCommand, add_naming_arguments, find_application


class Command(OperatorCommand):
    """Exit codes: 0 when it is cancelled, 1 when nothing was running, 2 for wrong input."""

    help = "Stop what is queued or running for an application. A site that is live stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_naming_arguments(parser)

    def handle(self, **options: Any) -> None:
        application = find_application(options["name"], owner=options["owner"])
        try:
            actions.cancel(application, by=None)
        except actions.RefusedError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write(f"{application.name}: cancelled")

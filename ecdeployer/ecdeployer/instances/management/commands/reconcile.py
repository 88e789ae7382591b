from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ....aws.errors import AWSError
from ...reconcile import sweep


class Command(BaseCommand):
    help = "Compare every instance with what EC2 reports, once, as beat does every few seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--trust",
            action="store_true",
            help="Take every machine that EC2 does not report for gone, however many and however young: "
            "for an account that was emptied, or a local cloud that was started anew.",
        )

    def handle(self, *args: Any, trust: bool, **options: Any) -> None:
        try:
            changed = sweep(trust=trust)
        except AWSError as error:
            raise CommandError(error.operator) from error
        self.stdout.write(f"{changed} instance{'' if changed == 1 else 's'} changed.")

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

        parser.add_argument(
            "--end-unowned",
            action="store_true",
            help="End every machine of this portal that the database does not own, however many, and those "
            "from before it was restored or made anew. Without it they are named in the log.",
        )

    def handle(self, *args: Any, trust: bool, end_unowned: bool, **options: Any) -> None:
        try:
            changed = sweep(trust=trust, end_unowned=end_unowned)
        except AWSError as error:
            raise CommandError(error.operator) from error
        self.stdout.write(f"{changed} instance{'' if changed == 1 else 's'} changed.")

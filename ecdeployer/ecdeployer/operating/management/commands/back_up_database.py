from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ....aws.errors import AWSError
from ... import backups


class Command(BaseCommand):
    help = "Copy the portal's PostgreSQL database, while it runs, and print where the copy is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", help="A folder, or s3://BUCKET/PREFIX.")

    def handle(self, *args: Any, place: str, **options: Any) -> None:
        try:
            self.stdout.write(backups.back_up(place, at=timezone.now()))
        except backups.BackupError as error:
            raise CommandError(str(error)) from error
        except AWSError as error:
            raise CommandError(error.operator) from error

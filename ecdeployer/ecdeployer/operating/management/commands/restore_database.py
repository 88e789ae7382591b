from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ....aws.errors import AWSError
from ... import backups


class Command(BaseCommand):
    help = "Fill the empty PostgreSQL database of DATABASE_URL from a copy that back_up_database made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="A file, or s3://BUCKET/KEY.")

    def handle(self, *args: Any, source: str, **options: Any) -> None:
        try:
            backups.restore(source)
        except backups.BackupError as error:
            raise CommandError(str(error)) from error
        except AWSError as error:
            raise CommandError(error.operator) from error
        self.stdout.write("Restored. Run migrate before the portal is started.")

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...models import Application


class Command(BaseCommand):
    help = (
        "Compare the status that each application's row keeps with its instance and deployments. Every move "
        "brings it along: a difference comes from rows that were changed by hand, or is a defect."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="Bring the rows that differ to what is true.")

    def handle(self, *args: Any, mend: bool, **options: Any) -> None:
        stale = list(Application.objects.stale())
        for application in stale:
            self.stdout.write(f"{application.pk} {application.name}: should be {application.status}")
            if mend:
                with Application.kept(application.pk):
                    pass
        if stale and not mend:
            raise CommandError(f"{len(stale)} of the rows differ; --mend corrects them.")
        self.stdout.write(f"{len(stale)} corrected." if stale else "Every row says what is true.")

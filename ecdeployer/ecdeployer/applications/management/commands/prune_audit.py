from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ...models import Event


class Command(BaseCommand):
    help = "Delete the audit log's events of before so many days: nothing else deletes any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")

    def handle(self, *args: Any, older_than: int, **options: Any) -> None:
        before = timezone.now() - timedelta(days=max(older_than, 1))
        count, _ = Event.objects.filter(at__lt=before).delete()
        self.stdout.write(f"{count} events deleted.")

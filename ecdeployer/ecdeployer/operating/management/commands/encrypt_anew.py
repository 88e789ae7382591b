from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models, transaction

from ....encryption import EncryptedTextField


class Command(BaseCommand):
    help = (
        "Encrypt what the database holds with SECRET_KEY, whichever of SECRET_KEY_FALLBACKS it was encrypted "
        "with: the fallbacks may go then. It may be run while the portal serves, and again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for model in apps.get_models():
            names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
            if names:
                count = _encrypt(model, names)
                self.stdout.write(f"{model._meta.verbose_name_plural}: {count}")


@transaction.atomic
def _encrypt(model: type[models.Model], names: list[str]) -> int:
    """Row by row under a lock: what is written meanwhile stays."""
    count = 0
    for pk in list(model._default_manager.values_list("pk", flat=True)):
        for row in model._default_manager.select_for_update().filter(pk=pk).only(*names):
            model._default_manager.filter(pk=pk).update(**{name: getattr(row, name) for name in names})
            count += 1
    return count

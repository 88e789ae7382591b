from typing import Any

from django.db import migrations


def give(apps: Any, schema_editor: Any) -> None:
    """Applications that were registered before there were webhooks get theirs."""
    application, webhook = (
        apps.get_model("applications", "Application"),
        apps.get_model("webhooks", "Webhook"),
    )
    for pk in application.objects.filter(webhook=None).values_list("pk", flat=True).iterator():
        webhook.objects.create(application_id=pk)


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]

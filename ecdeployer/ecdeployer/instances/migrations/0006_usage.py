"""When machines and disks cost, filled from what the rows tell: earlier stops are not in them."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


def fill(apps: Any, _: Any) -> None:
    usage = apps.get_model("instances", "Usage")
    instances = apps.get_model("instances", "Instance").objects.exclude(launched_at=None)
    for row in instances.select_related("application").iterator(1000):
        ended = row.terminated_at or (timezone.now() if row.state in ("terminated", "failed") else None)
        stopped = ended or (None if row.state in ("pending", "running") else timezone.now())
        usage.objects.bulk_create(
            usage(
                instance=row,
                owner_id=row.application.owner_id,
                kind=kind,
                instance_type=row.instance_type,
                since=row.launched_at,
                until=until,
            )
            for kind, until in (("machine", stopped), ("disk", ended))
        )


class Migration(migrations.Migration):
    dependencies = [
        ("applications", "0003_audit"),
        ("instances", "0005_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Usage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(choices=[("machine", "machine"), ("disk", "disk")], max_length=8),
                ),
                ("instance_type", models.CharField(max_length=32)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, help_text="Empty: it goes on.", null=True)),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage",
                        to="instances.instance",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="Of the application.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)),
                        fields=("instance", "kind"),
                        name="one_open_usage_of_a_kind",
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]

"""An address that stays; until now the price of a machine held that of its address."""

import uuid
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def part(apps: Any, _: Any) -> None:
    """Each machine that ran had an ordinary address for as long."""
    usage = apps.get_model("instances", "Usage")
    machines = usage.objects.filter(kind="machine")
    columns = ("instance_id", "owner_id", "instance_type", "since", "until")
    rows = (usage(kind="address", **row) for row in machines.values(*columns).iterator(1000))
    usage.objects.bulk_create(list(rows), batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("applications", "0008_environment_secrets"),
        ("instances", "0007_deploy_key_in_the_ledger"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("instance", "instance"),
                    ("volume", "disk"),
                    ("parameters", "environment"),
                    ("deploy-key", "deploy key"),
                    ("address", "Elastic IP address"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="usage",
            name="kind",
            field=models.CharField(
                choices=[("machine", "machine"), ("disk", "disk"), ("address", "public address")],
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="Address",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("allocation_id", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ("public_ip", models.GenericIPAddressField(null=True)),
                (
                    "asked_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="When AWS was asked for it last."
                    ),
                ),
                (
                    "refused",
                    models.TextField(
                        blank=True, help_text="Why there is none, or it leads nowhere; for people."
                    ),
                ),
                (
                    "leads_at",
                    models.DateTimeField(help_text="Since when it leads to its instance.", null=True),
                ),
                ("release_asked_at", models.DateTimeField(null=True)),
                ("gone_at", models.DateTimeField(help_text="When AWS said that it is gone.", null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addresses",
                        to="applications.application",
                    ),
                ),
                (
                    "instance",
                    models.OneToOneField(
                        help_text="Where it is to lead; empty once it is gone.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="elastic",
                        to="instances.instance",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "addresses",
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("gone_at", None)), fields=["gone_at"], name="address_held"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("release_asked_at", None)),
                        fields=("application",),
                        name="one_address_for_an_application",
                    )
                ],
            },
        ),
        migrations.RunPython(part, migrations.RunPython.noop),
    ]

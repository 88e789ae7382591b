from typing import Any

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models


def copy(apps: Apps, _: Any) -> None:
    commands, parts = (apps.get_model("commands", name).objects for name in ("Command", "OutputPart"))
    for command in commands.exclude(output="").iterator(chunk_size=20):
        size = len(command.output)
        parts.create(command=command, start=0, end=size, text=command.output)
        commands.filter(pk=command.pk).update(output_length=size)


class Migration(migrations.Migration):
    dependencies = [
        ("commands", "0002_moving"),
    ]

    operations = [
        migrations.AlterField(
            model_name="command",
            name="action",
            field=models.CharField(
                choices=[
                    ("manage", "run manage.py"),
                    ("superuser", "create a superuser"),
                    ("cancel", "stop a deployment"),
                    ("measure", "measure what the site keeps"),
                    ("expect", "make a key for what comes"),
                    ("hand-over", "hand over what the site keeps"),
                    ("take-over", "take over what the site keeps"),
                    ("hold", "let the site stand still"),
                    ("resume", "serve again"),
                    ("logs", "read a log"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="command",
            name="output_length",
            field=models.PositiveBigIntegerField(
                default=0,
                help_text="Characters that have come in, those that were dropped among them.",
            ),
        ),
        migrations.AddField(
            model_name="command",
            name="wanted_until",
            field=models.DateTimeField(
                blank=True,
                help_text="Its machine ends it then, unless somebody has asked for it again.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="OutputPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start", models.PositiveBigIntegerField(help_text="Characters that came before it.")),
                ("end", models.PositiveBigIntegerField()),
                ("text", models.TextField()),
                (
                    "command",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="commands.command",
                    ),
                ),
            ],
            options={
                "ordering": ["start"],
                "constraints": [
                    models.UniqueConstraint(fields=("command", "start"), name="one_part_at_a_place")
                ],
            },
        ),
        migrations.RunPython(copy, migrations.RunPython.noop),
    ]

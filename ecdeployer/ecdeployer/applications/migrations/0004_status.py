"""The status of an application on its own row, filled from what its instance and deployments say."""

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.models import Case, Exists, OuterRef, Subquery, When

from ecdeployer.applications.states import Status, status_of


def _with_facts(applications: Any) -> Any:
    """As of this migration: instances have got columns since that decide, too."""
    own = applications.filter(pk=OuterRef("pk"))
    running = When(deployments__state="running", then=0)
    current_first = own.order_by(Case(running, default=1), "-deployments__number")
    newest_instance = own.order_by("-instances__created_at").values("instances__state")
    serving = own.filter(deployments__state="succeeded", deployments__instance__state="running")
    return applications.annotate(
        deployment_state=Subquery(current_first.values("deployments__state")[:1]),
        instance_state=Subquery(newest_instance[:1]),
        is_served=Exists(serving),
    )


def fill(apps: Any, _: Any) -> None:
    applications = apps.get_model("applications", "Application").objects
    for row in _with_facts(applications).iterator(1000):
        applications.filter(pk=row.pk).update(status=status_of(row), serves=row.is_served)


class Migration(migrations.Migration):
    dependencies = [
        ("applications", "0003_audit"),
        ("deployments", "0002_deployment_due_at_alter_deployment_attempt"),
        ("instances", "0005_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="status",
            field=models.CharField(choices=Status.choices, default="failed", editable=False, max_length=16),
        ),
        migrations.AddField(
            model_name="application",
            name="serves",
            field=models.BooleanField(
                default=False, editable=False, help_text="Whether a release of it is live."
            ),
        ),
        migrations.AddField(
            model_name="application",
            name="revision",
            field=models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="Grows with every move of it and of what belongs to it.",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["owner", "-created_at", "-id"], name="list_of_an_owner"),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(
                fields=["owner", "status", "-created_at", "-id"], name="list_of_an_owner_by_status"
            ),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["-created_at", "-id"], name="list_of_all"),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["status", "-created_at", "-id"], name="list_of_all_by_status"),
        ),
    ]

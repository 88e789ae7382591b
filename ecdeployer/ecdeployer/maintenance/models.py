from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from ..applications.models import Application
from ..deployments.progress import fingerprint
from ..instances.models import Instance


class Maintenance(models.Model):
    """What is wanted of an application's maintenance, and which machine has confirmed which revision."""

    application = models.OneToOneField(
        Application, on_delete=models.CASCADE, primary_key=True, related_name="maintenance"
    )
    is_on = models.BooleanField(default=False)
    since = models.DateTimeField(null=True, help_text="When it was switched on; empty while it is off.")
    switched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    around_deployments = models.BooleanField(
        default=False, help_text="On by itself from before migrations until the end of their deployment."
    )
    retry_after = models.PositiveIntegerField(default=120, help_text="Seconds, for visitors' programs.")
    message = models.TextField(max_length=500, blank=True)
    addresses = models.JSONField(default=list, help_text="Networks that see the site all the same.")

    revision = models.PositiveIntegerField(default=0, help_text="Grows with each change.")
    confirmed = models.PositiveIntegerField(default=0, help_text="The revision that the machine has.")
    machine = models.ForeignKey(
        Instance,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The one that confirmed it.",
    )
    due_at = models.DateTimeField(
        default=timezone.now, db_index=True, help_text="When to look next whether the machine has it."
    )
    failures = models.PositiveSmallIntegerField(default=0, help_text="Since the machine last confirmed.")

    def __str__(self) -> str:
        return f"maintenance of {self.application_id}"

    @property
    def wanted(self) -> dict[str, Any]:
        """As a machine is told: docs/user-data-contract.md. Empty where nobody has ever wanted any."""
        if not self.revision:
            return {}
        return {
            "revision": self.revision,
            "on": self.is_on,
            "around": self.around_deployments,
            "retry_after": self.retry_after,
            "message": self.message,
            "addresses": self.addresses,
        }

    @property
    def seen(self) -> str:
        """Of the settings, without whether it is on; differs when they do."""
        return fingerprint(self.retry_after, self.message, self.addresses, self.around_deployments)

    @classmethod
    def of(cls, application: Application) -> "Maintenance":
        """One query. Where there is no row, what one would hold."""
        rows = cls.objects.filter(pk=application.pk).select_related("switched_by")
        return rows.first() or cls(application=application)

    @classmethod
    def confirm(cls, instance: Instance, *, revision: int) -> None:
        """The machine has done it. An older revision than the one that is wanted confirms nothing."""
        rows = cls.objects.filter(pk=instance.application_id, revision=revision)
        rows.update(confirmed=revision, machine=instance, failures=0)

    @classmethod
    def doubt(cls, application_id: UUID) -> None:
        """A deployment that was to switch it off may have been killed: the machine is told again."""
        rows = cls.objects.filter(pk=application_id, around_deployments=True)
        rows.update(confirmed=0, due_at=timezone.now())

    def is_confirmed_by(self, instance: Instance) -> bool:
        return self.confirmed == self.revision and self.machine_id == instance.pk

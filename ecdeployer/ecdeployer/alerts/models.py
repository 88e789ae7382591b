import uuid
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import models

from ..applications.models import Application
from ..claims import ClaimedModel
from ..encryption import EncryptedTextField


class AlertSettings(models.Model):
    """What the owner of an application wants to be told of, and where. Without a row: the defaults."""

    class Deployments(models.TextChoices):
        NONE = "none", "None"
        FAILED = "failed", "Those that failed"
        ALL = "all", "All"

    application = models.OneToOneField(
        Application, on_delete=models.CASCADE, primary_key=True, related_name="alert_settings"
    )
    email = models.BooleanField(default=True)
    down = models.BooleanField(default=True)
    disk_percent = models.PositiveSmallIntegerField(null=True, blank=True, default=90)
    errors_percent = models.PositiveSmallIntegerField(null=True, blank=True, default=10)
    deployments = models.CharField(max_length=8, choices=Deployments, default=Deployments.FAILED)
    webhook_url = EncryptedTextField(null=True, blank=True, help_text="Whoever knows it can post there.")
    status_token = EncryptedTextField(null=True, blank=True, help_text="GitHub's, for commit statuses.")
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "alert settings"

    def __str__(self) -> str:
        return f"alerts of {self.application_id}"

    @classmethod
    def of(cls, application_id: UUID) -> "AlertSettings":
        """One query. What was never chosen is the default."""
        return cls.of_all([application_id])[application_id]

    @classmethod
    def of_all(cls, application_ids: Iterable[UUID]) -> dict[UUID, "AlertSettings"]:
        """One query."""
        made = {pk: cls(application_id=pk) for pk in application_ids}
        return made | cls.objects.in_bulk(list(made))


class Alert(models.Model):
    """A time in which a rule was broken."""

    class Rule(models.TextChoices):
        DOWN = "down", "The site is down"
        DISK = "disk", "The disk is nearly full"
        ERRORS = "errors", "Many requests fail"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="alerts")
    rule = models.CharField(max_length=8, choices=Rule)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: it goes on.")
    detail = models.CharField(max_length=300)
    told = models.BooleanField(
        default=False, help_text="Whether a message went out: not for each of what comes and goes."
    )

    class Meta:
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "rule"],
                condition=models.Q(until=None),
                name="one_open_alert_of_a_rule",
            )
        ]
        indexes = [models.Index(fields=["application", "-since"], name="alerts_of_an_application")]

    def __str__(self) -> str:
        return f"{self.rule} of {self.application_id}"


class Notification(ClaimedModel):
    """A message on its way: written in the transaction of what it tells, and sent by a worker.

    ``key`` names what it tells: through each channel once. Nothing secret stands in it.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook", "webhook"
        STATUS = "status", "commit status"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        DROPPED = "dropped", "not wanted any more"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="notifications")
    channel = models.CharField(max_length=8, choices=Channel)
    key = models.CharField(max_length=120)
    subject = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    payload = models.JSONField(default=dict, help_text="tone and link; of a status what GitHub is told.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it was not sent, or not yet.")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "channel", "key"], name="one_notification_for_an_event"
            )
        ]
        indexes = [
            models.Index(fields=["application", "-created_at"], name="notifications_of_one"),
            models.Index(fields=["created_at"], name="notifications_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.subject}"

    @property
    def picture(self) -> str:
        """The state whose icon says it."""
        pictures = {self.State.WAITING: "queued", self.State.SENT: "succeeded", self.State.FAILED: "failed"}
        return pictures.get(self.State(self.state), "skipped")

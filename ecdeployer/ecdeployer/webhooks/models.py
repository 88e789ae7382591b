import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from ..applications.models import Application
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..encryption import EncryptedTextField
from .senders import Sender


def make_secret() -> str:
    return secrets.token_urlsafe(32)


class Webhook(models.Model):
    """Where pushes of an application are told to, and what is known of its repository's head."""

    application = models.OneToOneField(
        Application, on_delete=models.CASCADE, primary_key=True, related_name="webhook"
    )
    secret = EncryptedTextField(default=make_secret)
    secret_at = models.DateTimeField(default=timezone.now, help_text="When the secret was made.")
    repository_id = models.CharField(
        max_length=20, blank=True, help_text="The sender's own, which a renamed repository keeps."
    )
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When pushes last became deployments.")

    refused = models.PositiveBigIntegerField(default=0, help_text="Requests without a good signature.")
    refusals = models.JSONField(default=list, help_text="The last few of them: at, why, address.")

    head = models.CharField(max_length=40, blank=True, help_text="The commit that was last seen there.")
    head_at = models.DateTimeField(default=timezone.now, db_default=Now(), help_text="Since when it is that.")
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When the repository was last asked.")
    due_at = models.DateTimeField(default=timezone.now, db_index=True, help_text="When to ask it next.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Since it last answered.")
    trouble = models.TextField(blank=True, help_text="Why it could not be asked, for the person.")

    def __str__(self) -> str:
        return f"webhook of {self.application_id}"


class RepositoryHost(models.Model):
    """A host of repositories that did not answer: nobody asks it until then."""

    name = models.CharField(max_length=255, primary_key=True)
    failures = models.PositiveSmallIntegerField(default=0)
    held_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One push, or whatever else a sender told, and what became of it."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "waiting"
        DEPLOYED = "deployed", "deployed"
        SUPERSEDED = "superseded", "superseded"
        IGNORED = "ignored", "ignored"
        REFUSED = "refused", "refused"
        ANSWERED = "answered", "answered"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="deliveries")
    received_at = models.DateTimeField(auto_now_add=True)
    sender = models.CharField(max_length=8, choices=Sender)
    identifier = models.CharField(
        max_length=100, help_text="The sender's own; the same when it is sent again."
    )
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of a body that is signed.")

    event = models.CharField(max_length=60)
    ref = models.CharField(max_length=255, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    pusher = models.CharField(max_length=150, blank=True)
    message = models.CharField(max_length=200, blank=True)
    repository = models.CharField(max_length=255, blank=True)
    is_forced = models.BooleanField(default=False)
    pushed_at = models.DateTimeField(null=True, blank=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, help_text="Its beginning.")
    size = models.PositiveIntegerField(default=0, help_text="Bytes of the whole body.")

    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.TextField(blank=True)
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who had it delivered again from the portal.",
    )
    replays = models.PositiveIntegerField(default=0, help_text="How often it came again.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["application", "identifier"], name="one_delivery_for_an_identifier"
            ),
            models.UniqueConstraint(
                fields=["application", "digest"],
                condition=~Q(digest=""),
                name="one_delivery_for_a_signed_body",
            ),
        ]
        indexes = [
            models.Index(fields=["application", "-id"], name="deliveries_of_an_application"),
            models.Index(
                fields=["application", "id"], condition=Q(outcome="waiting"), name="deliveries_that_wait"
            ),
            models.Index(fields=["received_at"], name="deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.identifier}"

    @property
    def branch(self) -> str:
        return self.ref.removeprefix("refs/heads/")

    @property
    def can_be_redelivered(self) -> bool:
        return bool(self.commit) and self.outcome != self.Outcome.WAITING

    @property
    def result(self) -> str:
        """What became of it until now: a deployment that a newer one replaced in the queue was superseded."""
        if self.deployment is None or self.outcome != self.Outcome.DEPLOYED:
            return self.outcome
        return self.Outcome.SUPERSEDED if self.is_superseded else self.deployment.state

    @property
    def is_superseded(self) -> bool:
        replaced = self.deployment is not None and self.deployment.failure_code == "superseded"
        return replaced or self.outcome == self.Outcome.SUPERSEDED

    @property
    def result_label(self) -> str:
        labels = dict(self.Outcome.choices) | {str(state): state.label for state in DeploymentState}
        return str(labels[self.result]).capitalize()

    @property
    def why(self) -> str:
        """Its own reason, or that of the deployment which did not come to be live."""
        return self.reason or (self.deployment.reason if self.deployment else "")

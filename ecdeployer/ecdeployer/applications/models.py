import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.utils import get_random_secret_key
from django.db import models, transaction
from django.urls import reverse

from .. import origin
from ..accounts.models import User
from ..encryption import EncryptedTextField
from ..git.keys import fingerprint
from .states import Status, status_of, with_facts


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: User) -> "ApplicationQuerySet":
        """The one place that says whose records a person sees: their own; staff see all."""
        return self if user.is_staff else self.filter(owner_id=user.pk)

    def stale(self) -> Iterator["Application"]:
        """Those whose row does not say what their instance and deployments do, as they ought to be."""
        for application in with_facts(self).iterator(1000):
            kept = (application.status, application.serves)
            application.status, application.serves = status_of(application), application.is_served
            if kept != (application.status, application.serves):
                yield application


class Application(models.Model):
    """What a developer registers: a Django project in a repository, and how it is to run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications")
    name = models.CharField(max_length=63)
    project_name = models.CharField(max_length=100)
    github_url = models.URLField("GitHub URL", max_length=500)
    branch = models.CharField(max_length=200, blank=True)
    description = models.TextField(max_length=2000, blank=True)
    instance_type = models.CharField(max_length=32)
    health_path = models.CharField(max_length=255, default="/")
    deploy_on_push = models.BooleanField(default=True)
    confirm_migrations = models.BooleanField(
        default=False, help_text="Migrations that drop, rename or lock wait for a confirmation."
    )
    submission = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    terminate_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.FAILED, editable=False)
    serves = models.BooleanField(default=False, editable=False, help_text="Whether a release of it is live.")
    schedules_revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="Grows with every change of its schedules."
    )
    revision = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Grows with every move of it and of what belongs to it.",
    )

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="list_of_an_owner"),
            models.Index(fields=["owner", "status", "-created_at", "-id"], name="list_of_an_owner_by_status"),
            models.Index(fields=["-created_at", "-id"], name="list_of_all"),
            models.Index(fields=["status", "-created_at", "-id"], name="list_of_all_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="one_name_for_an_owner",
                violation_error_message="You have this name already.",
            ),
            # The form carries a random key: posting it twice makes one application.
            models.UniqueConstraint(fields=["owner", "submission"], name="one_application_for_a_submission"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("applications:detail", args=[self.pk])

    @classmethod
    @contextmanager
    def kept(cls, pk: uuid.UUID) -> Iterator[None]:
        """One transaction in which something of an application moves; its status follows at the end.

        The row is locked first: of two moves at once the second sees what the first has written, and
        everybody locks in the same order.
        """
        with transaction.atomic():
            row = cls.objects.filter(pk=pk)
            list(row.select_for_update(no_key=True).values_list("pk"))
            yield
            for facts in with_facts(row.only("terminate_requested_at")):
                status, serves = status_of(facts), facts.is_served
                row.update(status=status, serves=serves, revision=models.F("revision") + 1)


class EnvironmentVariable(models.Model):
    """One variable of the site's environment. The value is encrypted here and in Parameter Store."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="environment")
    name = models.CharField(max_length=255)
    value = EncryptedTextField()
    secret = models.BooleanField(default=True, help_text="Whether the value is never shown again.")
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["application", "name"], name="one_value_for_a_variable")
        ]

    def __str__(self) -> str:
        return self.name


class SiteKey(models.Model):
    """The SECRET_KEY that a site gets when its project has none of its own: the same for every release."""

    application = models.OneToOneField(Application, on_delete=models.CASCADE, related_name="site_key")
    value = EncryptedTextField(default=get_random_secret_key)

    def __str__(self) -> str:
        return f"key of {self.application_id}"


class DeployKey(models.Model):
    """What opens a private repository: its public half. The private one is in Parameter Store alone.

    The row is written before the private half is, so that no such secret is without one.
    """

    application = models.OneToOneField(Application, on_delete=models.CASCADE, related_name="deploy_key")
    public = models.TextField(blank=True, help_text="Empty while the first pair is being made.")
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"deploy key of {self.application_id}"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public) if self.public else ""


class Schedule(models.Model):
    """A command for manage.py that the site's machine runs by the clock."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="schedules")
    words = models.JSONField(default=list)
    cron = models.CharField(max_length=100)
    calendar = models.CharField(max_length=600, help_text="The same for systemd, in UTC.")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.cron} {self.line}"

    @property
    def line(self) -> str:
        return f"manage.py {shlex.join(self.words)}"

    @property
    def told(self) -> tuple[str, str, list[str]]:
        """As a machine is told of it."""
        return str(self.pk), self.calendar, self.words


class Event(models.Model):
    """The audit log, in order: who asked for what, from where, and every move of a record.

    An event of a person's account belongs to no application. Nothing changes or deletes one.
    """

    class Through(models.TextChoices):
        PAGE = origin.PAGE, "page"
        API = origin.API, "API"
        COMMAND = origin.COMMAND, "command line"
        SYSTEM = origin.SYSTEM, "portal"

    application = models.ForeignKey(
        Application, null=True, blank=True, on_delete=models.CASCADE, related_name="events"
    )
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    actor_name = models.CharField(max_length=150, blank=True, help_text="As it was then.")
    through = models.CharField(max_length=8, choices=Through, default=origin.through, db_index=True)
    address = models.GenericIPAddressField(null=True, blank=True, default=origin.address)
    subject = models.CharField(max_length=80, help_text="For instance: deployment 3, instance, application.")
    verb = models.CharField(max_length=80, help_text="For instance: running -> failed, terminate.")
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.subject}: {self.verb}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.actor is not None:
            self.actor_name = self.actor_name or self.actor.get_username()
        super().save(*args, **kwargs)

from django.db import models
from django.utils import timezone

from ..applications.models import Application
from ..instances.models import Instance


class Gauge(models.Model):
    """How far the figures of a machine are known, and when it is asked next."""

    instance = models.OneToOneField(
        Instance, on_delete=models.CASCADE, primary_key=True, related_name="gauge"
    )
    minute = models.PositiveIntegerField(default=0, help_text="The newest that is known, counted from 1970.")
    heard_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"gauge of {self.instance_id}"


class Question(models.Model):
    """A command that was sent to many machines, whose answers are not all read yet.

    One that is lost costs nothing: the next asks from where the gauges stand.
    """

    command_id = models.CharField(max_length=64, unique=True)
    sent_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.command_id


class Sample(models.Model):
    """What a machine and its site did in a minute, or in ``span`` of them that are a day old and more."""

    #: Of the span, where it was merged just now: the newest one is not whole yet.
    known: int | None = None

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField(help_text="When it begins.")
    span = models.PositiveSmallIntegerField(default=1, help_text="Minutes.")
    processor = models.FloatField(help_text="In per cent, as are memory and disk.")
    memory = models.FloatField()
    disk = models.FloatField()
    requests = models.PositiveIntegerField()
    errors = models.PositiveIntegerField(help_text="Requests that were answered with 5xx.")
    median = models.PositiveIntegerField(null=True, help_text="Milliseconds; empty without a request.")
    slow = models.PositiveIntegerField(null=True, help_text="The 95th percentile, in milliseconds.")

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "at", "span"], name="one_sample_for_a_time")
        ]
        indexes = [models.Index(fields=["span", "at"], name="samples_by_age")]

    def __str__(self) -> str:
        return f"{self.instance_id} at {self.at}"

    @property
    def minutes(self) -> int:
        return self.known or self.span


class Watch(models.Model):
    """What is known of a site's answers: whether the last looks failed, and since when."""

    application = models.OneToOneField(
        Application, on_delete=models.CASCADE, primary_key=True, related_name="watch"
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"watch of {self.application_id}"


class Uptime(models.Model):
    """How often a site was looked at in an hour, and how often in vain."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="uptime")
    hour = models.DateTimeField()
    checks = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "hour"], name="one_uptime_for_an_hour")]
        indexes = [models.Index(fields=["hour"], name="uptime_by_age")]
        verbose_name_plural = "uptime"

    def __str__(self) -> str:
        return f"{self.application_id} at {self.hour}"


class Outage(models.Model):
    """A time in which a site did not answer, or with 5xx."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="outages")
    since = models.DateTimeField(help_text="Of the first look that failed.")
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: it goes on.")
    reason = models.CharField(max_length=300)

    class Meta:
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"], condition=models.Q(until=None), name="one_outage_at_once"
            )
        ]
        indexes = [models.Index(fields=["application", "-since"], name="outages_of_an_application")]

    def __str__(self) -> str:
        return f"{self.application_id} since {self.since}"

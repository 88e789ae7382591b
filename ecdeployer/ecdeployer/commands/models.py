import uuid
from datetime import datetime

from django.conf import settings
from django.db import models

from ..applications.models import Application, Event
from ..claims import ClaimedModel
from ..instances.models import Instance
from ..transitions import StatefulModel
from .states import COMMAND_TRANSITIONS, CommandState


class Command(ClaimedModel, StatefulModel):
    """Something that a machine is asked to do beside its deployments, and what it answered.

    ``arguments`` travel to AWS as they are, and AWS keeps them for thirty days: no secret stands in them.
    """

    class Action(models.TextChoices):
        """What ``user_data/act.py`` knows. The labels complete: "asked to ..."."""

        MANAGE = "manage", "run manage.py"
        SUPERUSER = "superuser", "create a superuser"
        CANCEL = "cancel", "stop a deployment"
        MEASURE = "measure", "measure what the site keeps"
        EXPECT = "expect", "make a key for what comes"
        HAND_OVER = "hand-over", "hand over what the site keeps"
        TAKE_OVER = "take-over", "take over what the site keeps"
        HOLD = "hold", "let the site stand still"
        RESUME = "resume", "serve again"
        LOGS = "logs", "read a log"
        MAINTENANCE = "maintenance", "change maintenance"
        PROCESSES = "processes", "tell what runs"
        RESTART = "restart", "restart a process"
        SCHEDULES = "schedules", "set what is scheduled"
        SCHEDULE = "schedule", "run what is scheduled"

    TRANSITIONS = COMMAND_TRANSITIONS

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="commands")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="commands")
    action = models.CharField(max_length=16, choices=Action)
    arguments = models.JSONField(default=dict)
    state = models.CharField(
        max_length=16, choices=CommandState, default=CommandState.QUEUED, db_index=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    seconds = models.PositiveIntegerField(help_text="How long it may take on the machine.")

    command_id = models.CharField(max_length=64, blank=True, help_text="SSM Run Command.")
    output_offset = models.PositiveBigIntegerField(
        default=0, help_text="Bytes of the machine's file that are in."
    )
    output_length = models.PositiveBigIntegerField(
        default=0, help_text="Characters that have come in, those that were dropped among them."
    )
    exit_code = models.IntegerField(null=True)
    reason = models.TextField(blank=True, help_text="Why it failed, for the person.")

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When the machine last reported.")
    deadline = models.DateTimeField()
    wanted_until = models.DateTimeField(
        null=True, blank=True, help_text="Its machine ends it then, unless somebody has asked for it again."
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["application", "-created_at"], name="commands_of_an_application")]

    def __str__(self) -> str:
        return f"{self.action} on {self.instance_id}"

    @property
    def line(self) -> str:
        """What a person typed, or what it is called."""
        words, name = self.arguments.get("words"), self.arguments.get("name")
        if self.action == self.Action.RESTART:
            return f"restart {name}"
        if words and self.action == self.Action.SCHEDULE:
            return f"manage.py {' '.join(words)}, as scheduled"
        return f"manage.py {' '.join(words)}" if words else self.get_action_display()

    @property
    def output(self) -> str:
        """What there is of it. One query."""
        return "".join(self.parts.values_list("text", flat=True))

    def is_forgotten(self, now: datetime) -> bool:
        """Whether nobody looks any more at what only matters as long as somebody does."""
        return self.wanted_until is not None and self.wanted_until < now

    def record_event(self, before: str, after: str, detail: str) -> None:
        """Its beginning is the asker's event; a bad end is told, too, but for reads and repeats."""
        if after == CommandState.FAILED and self.action not in (self.Action.LOGS, self.Action.MAINTENANCE):
            Event.objects.create(
                application_id=self.application_id,
                subject="command",
                verb=f"{before} -> {after}",
                detail=f"{self.line[:200]}: {detail}",
            )


class OutputPart(models.Model):
    """A piece of what a command has printed: each report adds one, and rewrites none."""

    command = models.ForeignKey(Command, on_delete=models.CASCADE, related_name="parts")
    start = models.PositiveBigIntegerField(help_text="Characters that came before it.")
    end = models.PositiveBigIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["command", "start"], name="one_part_at_a_place")]

    def __str__(self) -> str:
        return f"{self.start} to {self.end} of {self.command_id}"

import uuid

from django.conf import settings
from django.db import models

from ..applications.models import Application, Event
from ..claims import ClaimedModel
from ..instances.models import Instance
from ..transitions import StatefulModel
from .states import CHANGE_TRANSITIONS, ChangeState


class Change(ClaimedModel, StatefulModel):
    """What a person asks of a machine as a whole, and how far it is."""

    class Kind(models.TextChoices):
        STOP = "stop", "stop"
        START = "start", "start"
        REBOOT = "reboot", "reboot"
        RESIZE = "resize", "resize"

    TRANSITIONS = CHANGE_TRANSITIONS

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="changes")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(
        max_length=16, choices=ChangeState, default=ChangeState.RUNNING, db_index=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    from_type = models.CharField(max_length=32, blank=True, help_text="Of a resize.")
    to_type = models.CharField(max_length=32, blank=True, help_text="The type that it is to have.")
    restarts = models.BooleanField(default=True, help_text="Whether the machine is to run at the end.")

    sent_at = models.DateTimeField(null=True, help_text="When AWS took the reboot, or the new type.")
    away = models.BooleanField(default=False, help_text="Whether the site was seen not to answer since.")
    refusal = models.TextField(blank=True, help_text="Why it goes back to the type that it had.")
    note = models.TextField(blank=True, help_text="What it waits for.")
    reason = models.TextField(blank=True, help_text="Why it failed, for the person.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=models.Q(state="running"),
                name="one_change_of_a_machine_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.instance_id}"

    @property
    def wanted_type(self) -> str:
        """Of a resize: the old one again where AWS has none of the new."""
        return self.from_type if self.refusal else self.to_type

    @property
    def line(self) -> str:
        """For people: what was asked for."""
        return f"resize to {self.to_type}" if self.kind == self.Kind.RESIZE else str(self.get_kind_display())

    def record_event(self, before: str, after: str, detail: str) -> None:
        Event.objects.create(
            application_id=self.application_id,
            subject="machine",
            verb=f"{self.kind} {after}",
            detail=detail or self.line,
        )

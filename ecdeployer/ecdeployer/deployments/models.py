import uuid

from django.conf import settings
from django.db import models

from ..applications.models import Application, Event
from ..claims import ClaimedModel
from ..instances.models import Instance
from ..transitions import StatefulModel
from .states import DEPLOYMENT_TRANSITIONS, STEP_TRANSITIONS, DeploymentState, StepName, StepState


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def current_first(self) -> "DeploymentQuerySet":
        """What runs, and then the newest: one that waits for it has changed nothing yet."""
        running = models.When(state=DeploymentState.RUNNING, then=0)
        return self.order_by(models.Case(running, default=1), "-number")


class Deployment(ClaimedModel, StatefulModel):
    """One attempt to bring one commit of an application live on its instance."""

    class Kind(models.TextChoices):
        FIRST = "first", "first deployment"
        LATER = "later", "deployment"
        ROLLBACK = "rollback", "rollback"
        REBUILD = "rebuild", "rebuild of the machine"

    class Trigger(models.TextChoices):
        PAGE = "page", "page"
        COMMAND = "command", "command line"
        API = "api", "API"
        WEBHOOK = "webhook", "webhook"
        POLL = "poll", "look at the repository"
        PORTAL = "portal", "return to what served"

    TRANSITIONS = DEPLOYMENT_TRANSITIONS
    #: Of these kinds: the machine serves another release until it switches.
    SWITCHING = (Kind.LATER, Kind.ROLLBACK)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="deployments")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="deployments")
    number = models.PositiveIntegerField(help_text="Counts up from 1 for each application.")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(
        max_length=16, choices=DeploymentState, default=DeploymentState.QUEUED, db_index=True, editable=False
    )
    trigger = models.CharField(max_length=16, choices=Trigger)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    pushed_by = models.CharField(max_length=200, blank=True, help_text="As the webhook says.")
    again = models.BooleanField(default=False, help_text="Also where that commit is live already.")
    of_live = models.BooleanField(
        default=False, help_text="Of the commit that is live when it begins, whichever that is by then."
    )
    rolls_back_to = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The deployment whose release is to serve again.",
    )

    branch = models.CharField(max_length=200, blank=True)
    commit_sha = models.CharField(
        max_length=40, blank=True, help_text="Given, or else the branch's newest when preflight read it."
    )
    base_sha = models.CharField(max_length=40, blank=True, help_text="What was live when it began.")
    configuration = models.CharField(
        max_length=64,
        blank=True,
        help_text="Keyed hash of the environment and settings that it brings live.",
    )
    commit_subject = models.CharField(max_length=300, blank=True)
    commit_author = models.CharField(max_length=200, blank=True)
    committed_at = models.DateTimeField(null=True, blank=True)

    findings = models.JSONField(default=list, help_text="What preflight found: a list of Finding.to_dict().")
    facts = models.JSONField(default=dict, help_text="What preflight learned: Facts.to_dict(), or empty.")
    changes = models.JSONField(default=list, help_text="What the release's settings module changed, and why.")

    plan = models.JSONField(
        null=True,
        default=None,
        help_text="The migrations that were ahead, with what they may hurt; null until the machine has told.",
    )
    confirmed_plan = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of the plan that somebody has confirmed: migration_plans.digest.",
    )

    report_token_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256; empty once it has ended."
    )
    last_event = models.PositiveIntegerField(
        default=0, help_text="Number of the last event that was reported."
    )
    command_id = models.CharField(
        max_length=64, blank=True, help_text="SSM Run Command, for later deployments."
    )
    result = models.JSONField(null=True, help_text="The machine's own verdict, when it has given one.")

    failed_step = models.CharField(max_length=16, choices=StepName, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, for the person.")
    remedy = models.TextField(blank=True, help_text="What to do about it.")

    heard_at = models.DateTimeField(null=True, blank=True, help_text="When the machine last reported.")
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="one_deployment_for_a_number"),
            models.UniqueConstraint(
                fields=["application"],
                condition=models.Q(state="running"),
                name="one_running_deployment_for_an_application",
            ),
            models.UniqueConstraint(
                fields=["application"],
                condition=models.Q(state="queued"),
                name="one_waiting_deployment_for_an_application",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} #{self.number}"

    @property
    def serves_already(self) -> bool:
        """Whether its machine has pointed nginx at it, and the portal alone has not seen it live yet."""
        return self.kind in self.SWITCHING and (self.result or {}).get("state") == StepState.SUCCEEDED

    @property
    def launches(self) -> bool:
        """Whether it brings up a machine of its own."""
        return self.kind in (self.Kind.FIRST, self.Kind.REBUILD)

    @property
    def release(self) -> str:
        """The name of the release directory on the machine."""
        number = self.rolls_back_to.number if self.rolls_back_to else self.number
        return f"{number:06d}"

    def record_event(self, before: str, after: str, detail: str) -> None:
        Event.objects.create(
            application_id=self.application_id,
            subject=f"deployment {self.number}",
            verb=f"{before} -> {after}",
            detail=detail,
        )


class Step(models.Model):
    """A named part of a deployment, with its log."""

    TRANSITIONS = STEP_TRANSITIONS

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=16, choices=StepName)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=StepState, default=StepState.PENDING)
    message = models.TextField(blank=True)
    log = models.TextField(blank=True)
    log_offset = models.PositiveBigIntegerField(
        default=0, help_text="Bytes of the machine's log file that are in."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["deployment", "name"], name="one_step_for_a_name")]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.name}"

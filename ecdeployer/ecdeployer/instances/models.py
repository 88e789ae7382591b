import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from ..applications.models import Application, Event
from ..encryption import EncryptedTextField
from ..transitions import StatefulModel
from .states import INSTANCE_TRANSITIONS, InstanceState

_RUNS = (InstanceState.PENDING, InstanceState.RUNNING)
_EXISTS = (*_RUNS, InstanceState.STOPPING, InstanceState.STOPPED, InstanceState.SHUTTING_DOWN)


class GoldenImage(models.Model):
    """An AMI that build_golden_image made; the newest one is what new instances start from."""

    ami_id = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=128)
    base_ami_id = models.CharField(max_length=32)
    script_sha256 = models.CharField(max_length=64, help_text="Of userdata_image.sh as it ran.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.ami_id


class Instance(StatefulModel):
    """One EC2 instance of ours."""

    TRANSITIONS = INSTANCE_TRANSITIONS

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="instances")
    state = models.CharField(
        max_length=16, choices=InstanceState, default=InstanceState.REQUESTED, db_index=True, editable=False
    )
    instance_type = models.CharField(max_length=32)
    ec2_id = models.CharField("instance id", max_length=32, unique=True, null=True, blank=True)
    ami_id = models.CharField(max_length=32, blank=True)
    availability_zone = models.CharField(max_length=32, blank=True)
    public_ip = models.GenericIPAddressField(null=True, blank=True)
    private_ip = models.GenericIPAddressField(null=True, blank=True)
    launched_at = models.DateTimeField(null=True, blank=True)
    launch_asked_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When it began to wait for its turn; empty otherwise."
    )
    launch_granted_at = models.DateTimeField(null=True, blank=True, help_text="When its turn was given.")
    impaired_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when EC2's own checks of the machine fail; empty: they do not.",
    )
    stop_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When a stop was asked for here; empty once it runs again."
    )
    end_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When its end was asked for though its application goes on."
    )
    spare = models.BooleanField(
        default=False, help_text="Made to take the place of another, which it has not taken yet."
    )
    terminated_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed or went, for people.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.ec2_id or str(self.pk)

    @classmethod
    def machine_of(cls, application: Application) -> "Instance | None":
        """The one that is the application's: the newest, whatever became of it, but no spare one."""
        rows = cls.objects.filter(application=application, spare=False)
        return rows.select_related("application__owner", "elastic").order_by("-created_at").first()

    @property
    def has_elastic(self) -> bool:
        """Whether its public address stays; at hand where ``elastic`` was selected."""
        return hasattr(self, "elastic") and self.elastic.leads

    @property
    def exists(self) -> bool:
        """Whether AWS has a machine for it that is not being ended."""
        return self.state in _EXISTS and self.state != InstanceState.SHUTTING_DOWN

    def record_event(self, before: str, after: str, detail: str) -> None:
        Event.objects.create(
            application_id=self.application_id, subject="instance", verb=f"{before} -> {after}", detail=detail
        )
        Usage.follow(self, before=before)


class Usage(models.Model):
    """A time in which something of an instance cost; what it cost is told by the table of prices.

    EC2 says of a machine only when it was started last: what was before a stop is known here alone.
    """

    class Kind(models.TextChoices):
        MACHINE = "machine", "machine"
        DISK = "disk", "disk"
        ADDRESS = "address", "public address"

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="usage")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", help_text="Of the application."
    )
    kind = models.CharField(max_length=8, choices=Kind)
    instance_type = models.CharField(max_length=32)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: it goes on.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "kind"], condition=models.Q(until=None), name="one_open_usage_of_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.instance_id}"

    @classmethod
    def follow(cls, instance: Instance, *, before: str) -> None:
        """Begin and end what the instance's move begins and ends, in the transaction of the move.

        AWS charges for a machine while it is pending or running, for its disk until it is terminated. An
        ordinary address goes with the machine; an Elastic IP costs from when it is made until it is released.
        """
        now = timezone.now()
        launched = before == InstanceState.LAUNCHING and instance.launched_at is not None
        elastic = Address.objects.filter(instance=instance, gone_at=None).exclude(allocation_id=None).exists()
        addressed = tuple(InstanceState) if elastic else _RUNS
        for kind, states in (
            (cls.Kind.MACHINE, _RUNS),
            (cls.Kind.DISK, _EXISTS),
            (cls.Kind.ADDRESS, addressed),
        ):
            rows = cls.objects.filter(instance=instance, kind=kind, until=None)
            if launched or (instance.state in states and before not in states):
                since = instance.launched_at if launched else now
                Usage.objects.bulk_create([Usage.of(instance, kind, since or now)], ignore_conflicts=True)
            if instance.state not in states:
                rows.update(until=now)

    @classmethod
    def begin(cls, instance: Instance, kind: str) -> None:
        """From now on, unless it goes on already."""
        Usage.objects.bulk_create([Usage.of(instance, kind, timezone.now())], ignore_conflicts=True)

    @classmethod
    def of(cls, instance: Instance, kind: str, since: datetime) -> "Usage":
        """The beginning of one."""
        owner = instance.application.owner_id
        return cls(
            instance=instance, owner_id=owner, kind=kind, instance_type=instance.instance_type, since=since
        )


class Address(models.Model):
    """An application's Elastic IP: written before it is asked for, and kept until AWS says that it is gone.

    It leads to one machine after the other; the site's address stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="addresses")
    instance = models.OneToOneField(
        Instance,
        null=True,
        on_delete=models.PROTECT,
        related_name="elastic",
        help_text="Where it is to lead; empty once it is gone.",
    )
    allocation_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    public_ip = models.GenericIPAddressField(null=True)
    asked_at = models.DateTimeField(default=timezone.now, help_text="When AWS was asked for it last.")
    refused = models.TextField(blank=True, help_text="Why there is none, or it leads nowhere; for people.")
    leads_at = models.DateTimeField(null=True, help_text="Since when it leads to its instance.")
    release_asked_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True, help_text="When AWS said that it is gone.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=models.Q(release_asked_at=None),
                name="one_address_for_an_application",
            ),
        ]
        indexes = [models.Index(fields=["gone_at"], condition=models.Q(gone_at=None), name="address_held")]

    def __str__(self) -> str:
        return self.public_ip or str(self.pk)

    @property
    def leads(self) -> bool:
        """Whether visitors of it come to its instance."""
        return self.leads_at is not None


class LedgerEntry(models.Model):
    """Something at AWS that costs or holds data: written before it is made, and when AWS says it is gone."""

    class Kind(models.TextChoices):
        INSTANCE = "instance", "instance"
        VOLUME = "volume", "disk"
        PARAMETERS = "parameters", "environment"
        DEPLOY_KEY = "deploy-key", "deploy key"
        ADDRESS = "address", "Elastic IP address"

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=16, choices=Kind)
    written_at = models.DateTimeField(auto_now_add=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="When AWS said that it is gone.")

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(fields=["instance", "kind"], name="one_entry_for_a_kind"),
        ]
        indexes = [
            models.Index(fields=["instance"], condition=models.Q(gone_at=None), name="ledger_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.instance_id}"

    @classmethod
    def expect(cls, instance: Instance, *kinds: str) -> None:
        """Note what is about to be made; any number of times."""
        LedgerEntry.objects.bulk_create(
            [LedgerEntry(instance=instance, kind=kind) for kind in kinds], ignore_conflicts=True
        )


class LaunchQueue(models.Model):
    """The one row that says how many RunInstances calls may be made now, and whether any may."""

    ONLY = 1

    tokens = models.FloatField(default=5)
    counted_at = models.DateTimeField(default=timezone.now)
    held_until = models.DateTimeField(null=True, blank=True)
    held_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.tokens:.1f} launches"

    @classmethod
    def lock(cls) -> "LaunchQueue":
        """The row, held until the caller's transaction ends."""
        return cls.objects.select_for_update().get_or_create(pk=cls.ONLY)[0]


class FleetWatch(models.Model):
    """The one row that says since when this very database has watched the machines without a gap."""

    ONLY = 1

    since = models.DateTimeField(default=timezone.now)
    swept_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"since {self.since}"


class LaunchAttempt(models.Model):
    """One RunInstances call, committed before it is sent, so that a repeat sends the same bytes."""

    class Outcome(models.TextChoices):
        PREPARED = "prepared", "prepared"
        LAUNCHED = "launched", "launched"
        FAILED = "failed", "failed"

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="launch_attempts")
    number = models.PositiveIntegerField()
    client_token = models.CharField(max_length=64, unique=True)
    launch_template_id = models.CharField(max_length=32)
    launch_template_version = models.CharField(max_length=16)
    ami_id = models.CharField(max_length=32)
    instance_type = models.CharField(max_length=32)
    subnet_id = models.CharField(max_length=32, blank=True)
    user_data = EncryptedTextField(null=True, help_text="Base64; cleared when the attempt has ended.")
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.PREPARED)
    error_code = models.CharField(max_length=128, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "number"], name="one_attempt_for_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} attempt {self.number}"

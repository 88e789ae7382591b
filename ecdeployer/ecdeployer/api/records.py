"""What answers carry."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from ninja import Field, Schema

from ..applications.models import EnvironmentVariable
from ..applications.queries import Row
from ..applications.states import Status
from ..commands.models import Command
from ..commands.processes import Reading
from ..commands.states import CommandState
from ..deployments.migration_plans import FlagKind
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState, StepName, StepState
from ..instances.states import InstanceState
from ..machines.models import Change
from ..machines.queries import Machine
from ..machines.states import ChangeState
from ..webhooks.models import Delivery
from ..webhooks.senders import Sender


class InstanceRecord(Schema):
    id: UUID
    ec2_id: str | None
    state: InstanceState
    instance_type: str
    ami_id: str
    availability_zone: str
    public_ip: str | None
    private_ip: str | None
    launched_at: datetime | None
    terminated_at: datetime | None
    reason: str = Field(description="Why it failed or went.")


class DeploymentRecord(Schema):
    id: UUID
    application_id: UUID
    number: int = Field(description="Counts up from 1 for each application.")
    kind: Deployment.Kind
    trigger: Deployment.Trigger
    state: DeploymentState
    branch: str
    commit_sha: str
    commit_subject: str
    commit_author: str
    base_sha: str = Field(description="What was live when it began.")
    pushed_by: str = Field(description="As the webhook says.")
    rolls_back_to_id: UUID | None = Field(description="The deployment whose release serves again.")
    failed_step: str
    failure_code: str
    reason: str = Field(description="Why it failed, or was not needed.")
    remedy: str = Field(description="What to do about it.")
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class FindingRecord(Schema):
    """What was found in the repository before anything was launched."""

    code: str
    level: str = Field(description="error, warning or note.")
    message: str
    remedy: str = ""
    path: str = ""
    line: int = 0


class FlagRecord(Schema):
    kind: FlagKind
    text: str


class MigrationRecord(Schema):
    """One without a name stands for a plan that could not be read."""

    app: str
    name: str
    operations: list[str]
    flags: list[FlagRecord] = Field(description="What it may hurt.")
    reversible: bool


class DeploymentDetail(DeploymentRecord):
    instance: InstanceRecord
    findings: list[FindingRecord]
    changes: list[dict[str, str]] = Field(
        description="What the release's settings module changed, from what, to what, and why."
    )
    plan: list[MigrationRecord] | None = Field(
        description="The migrations that were ahead of it; null while the machine has not told them."
    )


class DeploymentPage(Schema):
    deployments: list[DeploymentRecord]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class StepRecord(Schema):
    name: StepName
    label: str
    state: StepState
    message: str
    started_at: datetime | None
    finished_at: datetime | None
    log_length: int = Field(description="Characters.")


class Steps(Schema):
    steps: list[StepRecord]


class LogPart(Schema):
    text: str
    offset: int = Field(description="Characters of the log before the text.")
    next: int = Field(description="The offset to go on from.")
    complete: bool = Field(description="Whether the step or command has ended and the text is its end.")


class CommandRecord(Schema):
    id: UUID
    application_id: UUID
    action: Command.Action
    line: str = Field(description="What was asked for, in one line.")
    state: CommandState
    exit_code: int | None = Field(description="manage.py's; null until it has ended, or when none was heard.")
    reason: str = Field(description="Why it failed, for a person.")
    created_by: str = Field(description="Who asked for it; empty for somebody who is gone.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ProcessRecord(Schema):
    name: str
    line: str = Field(description="What it was started with; empty for web, which the portal starts itself.")
    state: str = Field(description="Supervisor's word, such as RUNNING or FATAL; empty before it was told.")
    since: datetime | None
    pid: int
    memory: int = Field(description="MiB.")
    exit_code: int


class ProcessesRecord(Schema):
    processes: list[ProcessRecord]
    told_at: datetime | None = Field(description="When the machine told; null before it has.")
    asking: bool = Field(description="Whether a question or a restart has not been answered yet.")
    failure: str = Field(description="Why the newest question or restart failed; empty where it did not.")


class ScheduleRecord(Schema):
    id: UUID
    application_id: UUID
    cron: str
    line: str
    enabled: bool
    created_at: datetime


class CommandPage(Schema):
    commands: list[CommandRecord]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class ChangeRecord(Schema):
    """What was asked of the machine as a whole."""

    id: UUID
    kind: Change.Kind
    state: ChangeState
    to_type: str = Field(description="Of a resize.")
    note: str = Field(description="What it waits for.")
    reason: str = Field(description="Why it failed, for a person.")
    created_at: datetime
    finished_at: datetime | None


class MachineRecord(Schema):
    instance: InstanceRecord | None
    address_stays: bool = Field(description="Whether an Elastic IP leads to it.")
    address_refused: str = Field(description="Why there is none, where AWS was asked.")
    newest_ami_id: str = Field(description="Of the golden image that the next machine is made from.")
    monthly_usd: Decimal | None = Field(description="While it runs, with disk and address.")
    stopped_monthly_usd: Decimal | None
    change: ChangeRecord | None = Field(description="What is under way, or was asked for last.")


class DeployKeyRecord(Schema):
    """The private half never comes back."""

    public: str = Field(description="For the repository's deploy keys, at its host.")
    fingerprint: str
    made_at: datetime


class VariableRecord(Schema):
    name: str
    secret: bool
    value: str | None = Field(description="null where it is secret.")
    changed_at: datetime
    changed_by: str | None = Field(description="null where nobody did who has an account.")

    @classmethod
    def of(cls, variable: EnvironmentVariable) -> "VariableRecord":
        return cls(
            name=variable.name,
            secret=variable.secret,
            value=None if variable.secret else variable.value,
            changed_at=variable.changed_at,
            changed_by=variable.changed_by.username if variable.changed_by else None,
        )


class EnvironmentRecord(Schema):
    variables: list[VariableRecord]
    deployment_id: UUID | None = Field(description="What applies the change; null where that was not asked.")


class MaintenanceRecord(Schema):
    on: bool
    since: datetime | None = Field(description="When it was switched on.")
    retry_after: int = Field(description="Seconds.")
    message: str
    addresses: list[str] = Field(description="Networks that see the site all the same.")
    around_deployments: bool
    confirmed: bool = Field(description="Whether the newest machine has all of this.")


class ApplicationRecord(Schema):
    id: UUID
    name: str
    owner: str
    project_name: str
    github_url: str
    branch: str
    description: str
    instance_type: str
    health_path: str
    deploy_on_push: bool
    confirm_migrations: bool
    environment: list[str] = Field(description="Names of the variables.")
    deploy_key: DeployKeyRecord | None = Field(
        description="What a private repository is read with; null: it is read without a key."
    )
    status: Status
    address: str = Field(description="Where the site answers; empty while it does not.")
    page: str = Field(description="The application's page in the portal.")
    cost_usd: Decimal | None = Field(description="Of its instances until now; null where no price is known.")
    created_at: datetime
    terminate_requested_at: datetime | None
    instance: InstanceRecord | None
    deployment: DeploymentRecord | None = Field(description="The newest.")


class ApplicationPage(Schema):
    applications: list[ApplicationRecord]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class WebhookRecord(Schema):
    url: str = Field(description="Where senders are to deliver pushes.")
    deploy_on_push: bool
    secret_at: datetime = Field(description="When the secret was made.")
    refused: int = Field(description="Requests without a good signature.")
    head: str = Field(description="The branch's newest commit that was seen; empty before the first.")
    asked_at: datetime | None = Field(description="When the repository was last asked for it.")
    trouble: str = Field(description="Why it could not be asked.")


class SecretRecord(Schema):
    secret: str


class DeliveryRecord(Schema):
    id: int
    sender: Sender
    event: str
    ref: str
    commit: str
    message: str
    pusher: str
    repository: str
    forced: bool
    outcome: Delivery.Outcome
    reason: str = Field(description="Why, where it was not deployed.")
    replays: int = Field(description="How often it came again.")
    deployment_id: UUID | None
    received_at: datetime


class DeliveryPage(Schema):
    deliveries: list[DeliveryRecord]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class MachineLimit(Schema):
    limit: int | None = Field(description="null: as many as you like.")
    used: int


class MoneyLimit(Schema):
    limit: Decimal | None = Field(description="US dollars a month; null: as much as you like.")
    used: Decimal


class InstanceTypeRecord(Schema):
    name: str
    hourly_usd: Decimal | None = Field(
        description="AWS's list price with disk and public address; null where it is not known."
    )
    monthly_usd: Decimal | None


class SpendingRecord(Schema):
    """US dollars by AWS's list prices: machines while they run, disks while they exist, public addresses."""

    monthly_usd: Decimal = Field(description="A month of 730 hours of what goes on now.")
    this_month_usd: Decimal = Field(description="This calendar month until now, in UTC.")
    in_all_usd: Decimal = Field(description="Since the first launch.")
    unknown_types: list[str] = Field(description="Types whose price is not known: they are in no sum.")


class PortalRecord(Schema):
    machines: MachineLimit
    monthly_usd: MoneyLimit
    spending: SpendingRecord


class LimitsRecord(PortalRecord):
    portal: PortalRecord | None = Field(description="The whole portal's, for operators; null for others.")
    instance_types: list[InstanceTypeRecord] = Field(description="What may be asked for; the first is usual.")


_OWN = (
    "id",
    "name",
    "project_name",
    "github_url",
    "branch",
    "description",
    "instance_type",
    "health_path",
    "deploy_on_push",
    "confirm_migrations",
)


def record_application(row: Row) -> ApplicationRecord:
    """No query: everything is at hand in a row of ``queries.dashboard``, with the variables prefetched."""
    application: Any = row.application
    instances = list(application.instances.all())
    return ApplicationRecord(
        **{name: getattr(application, name) for name in _OWN},
        owner=application.owner.username,
        environment=[variable.name for variable in application.environment.all()],
        deploy_key=_record_key(application),
        status=Status(application.status),
        address=row.address,
        page=f"{settings.PORTAL_URL}{application.get_absolute_url()}",
        cost_usd=row.cost,
        created_at=application.created_at,
        terminate_requested_at=application.terminate_requested_at,
        instance=InstanceRecord.from_orm(instances[0]) if instances else None,
        deployment=DeploymentRecord.from_orm(row.deployment) if row.deployment else None,
    )


def record_machine(machine: Machine) -> MachineRecord:
    instance, newest = machine.instance, machine.changes[0] if machine.changes else None
    elastic = getattr(instance, "elastic", None)
    return MachineRecord(
        instance=InstanceRecord.from_orm(instance) if instance else None,
        address_stays=machine.keeps_address,
        address_refused=elastic.refused if elastic else "",
        newest_ami_id=machine.images[0].ami_id if machine.images else "",
        monthly_usd=machine.monthly,
        stopped_monthly_usd=machine.stopped_monthly,
        change=ChangeRecord.from_orm(newest) if newest else None,
    )


def _record_key(application: Any) -> DeployKeyRecord | None:
    key = getattr(application, "deploy_key", None)
    return DeployKeyRecord.from_orm(key) if key and key.public else None


def record_delivery(delivery: Delivery) -> DeliveryRecord:
    """One that a newer push overtook in the queue of deployments was superseded, too."""
    outcome = Delivery.Outcome.SUPERSEDED if delivery.is_superseded else Delivery.Outcome(delivery.outcome)
    same = ("id", "event", "ref", "commit", "message", "pusher", "repository", "replays", "deployment_id")
    return DeliveryRecord(
        **{name: getattr(delivery, name) for name in same},
        sender=Sender(delivery.sender),
        forced=delivery.is_forced,
        outcome=outcome,
        reason=delivery.why,
        received_at=delivery.received_at,
    )


_OF_A_COMMAND = ("id", "application_id", "action", "line", "state", "exit_code", "reason")
_TIMES = ("created_at", "started_at", "finished_at")


def record_processes(reading: Reading) -> ProcessesRecord:
    return ProcessesRecord(
        processes=[ProcessRecord.from_orm(process) for process in reading.processes],
        told_at=reading.told_at,
        asking=reading.asked is not None,
        failure=reading.failure,
    )


def record_command(command: Command) -> CommandRecord:
    values = {name: getattr(command, name) for name in (*_OF_A_COMMAND, *_TIMES)}
    return CommandRecord(**values, created_by=command.created_by.username if command.created_by else "")


def record_deployments(deployments: Iterable[Deployment]) -> list[DeploymentRecord]:
    return [DeploymentRecord.from_orm(deployment) for deployment in deployments]

"""Plans of migrations: what a deployment changes in the database, and what lies between two deployments."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices

from .models import Deployment
from .states import DeploymentState, StepName

#: How the machine ends a deployment whose migrations wait.
UNCONFIRMED = "migrations-unconfirmed"


class FlagKind(TextChoices):
    """What a migration may hurt."""

    DROP = "drop", "Loses data"
    RENAME = "rename", "Renames"
    LOCK = "lock", "Locks"
    IRREVERSIBLE = "irreversible", "Cannot be undone"
    NOT_NULL = "not-null", "Older code"
    OPAQUE = "opaque", "Not known"


_MIGRATING = frozenset({Deployment.Kind.FIRST, Deployment.Kind.LATER, Deployment.Kind.REBUILD})
#: What waits for a confirmation where the application asks for one.
WAITING = frozenset({FlagKind.DROP, FlagKind.RENAME, FlagKind.LOCK})


def digest(plan: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of what would be applied, by name: the machine makes the same of its own plan."""
    names = [[migration["app"], migration["name"]] for migration in plan]
    return hashlib.sha256(json.dumps(names, separators=(",", ":")).encode()).hexdigest()


def waits(deployment: Deployment) -> bool:
    """Whether it ended because nobody had confirmed its migrations."""
    return deployment.state == DeploymentState.FAILED and deployment.failure_code == UNCONFIRMED


@dataclass(frozen=True, kw_only=True)
class Flag:
    kind: FlagKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Migration:
    """``is_certain``: whether it was applied; a deployment that ended while it migrated leaves doubt.

    One without a name stands for those that could not be read.
    """

    app: str
    name: str
    deployment: int
    operations: Sequence[str]
    flags: Sequence[Flag]
    reversible: bool
    is_certain: bool = True

    def __str__(self) -> str:
        return f"{self.app}.{self.name}" if self.name else "Migrations that could not be read"


def read(deployment: Deployment, *, is_certain: bool = True) -> list[Migration]:
    """A deployment's plan as it is shown; empty where none was told."""
    return [
        Migration(
            app=item["app"],
            name=item["name"],
            deployment=deployment.number,
            operations=item["operations"],
            flags=[Flag(kind=FlagKind(flag["kind"]), text=flag["text"]) for flag in item["flags"]],
            reversible=item["reversible"],
            is_certain=is_certain,
        )
        for item in deployment.plan or []
    ]


@dataclass(frozen=True, kw_only=True)
class Between:
    """What the database has that the target did not leave there; ``unknown`` are deployments by number."""

    target: int
    migrations: Sequence[Migration]
    unknown: Sequence[int]

    @property
    def meaning(self) -> list[str]:
        """What going back means, in sentences."""
        if not self.migrations and not self.unknown:
            return [f"No migration lies between: the database is as deployment {self.target} left it."]
        code = f"the code of deployment {self.target} runs on the database as it is now"
        return [f"Going back undoes no migration: {code}.", *self._consequences()]

    def _consequences(self) -> list[str]:
        kinds = {flag.kind for migration in self.migrations for flag in migration.flags}
        said = []
        if kinds & {FlagKind.DROP, FlagKind.RENAME}:
            said.append("What it reads or writes of that which was dropped or renamed since will fail.")
        if FlagKind.NOT_NULL in kinds:
            said.append("It cannot add rows to tables with a new column that needs a value.")
        if FlagKind.OPAQUE in kinds:
            said.append("What the project's own code or SQL changed is not known here: look at it first.")
        if self.migrations and not said:
            said.append("They only add to the database, which older code does not notice.")
        if doubtful := sorted({each.deployment for each in self.migrations if not each.is_certain}):
            said.append(f"{_named(doubtful)} ended early: of its migrations a part may be applied.")
        if self.unknown:
            said.append(f"What was migrated by {_named(self.unknown).lower()} is not known.")
        if stuck := [str(each) for each in self.migrations if not each.reversible and each.name]:
            said.append(f"Not even by hand can Django undo {', '.join(stuck)}.")
        return said


def _named(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"Deployments {', '.join(first)} and {last}" if first else f"Deployment {last}"


def migrations_between(deployments: Iterable[Deployment], *, target: Deployment) -> Between:
    """The migrations that deployments after the target applied, in their order. No query.

    ``deployments`` are the application's, in any order; those that failed after they had migrated count too.
    """
    found: dict[tuple[str, str], Migration] = {}
    unknown = []
    later = (each for each in deployments if each.number > target.number)
    for deployment in sorted(later, key=lambda each: each.number):
        applied = _applied(deployment)
        if applied is None:
            continue
        if deployment.plan is None:
            unknown.append(deployment.number)
        for migration in read(deployment, is_certain=applied):
            # What a later plan lists again was not applied before.
            found.pop((migration.app, migration.name), None)
            found[migration.app, migration.name or str(deployment.number)] = migration
    return Between(target=target.number, migrations=list(found.values()), unknown=unknown)


def _applied(deployment: Deployment) -> bool | None:
    """Whether all of its plan is in the database; False: perhaps a part, None: nothing of it."""
    if deployment.kind not in _MIGRATING:
        return None
    if deployment.state == DeploymentState.SUCCEEDED:
        return True
    if deployment.state == DeploymentState.FAILED:
        if waits(deployment):
            return None
        reached = {StepName.COLLECTSTATIC: False, StepName.MIGRATE: False, StepName.START: True}
        return {**reached, StepName.HEALTH: True}.get(StepName(deployment.failed_step or StepName.PREFLIGHT))
    return None if deployment.plan is None else False

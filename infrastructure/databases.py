"""The portal's database in RDS: what keeps its stack from being deleted, and what is left of it then."""

from collections.abc import Iterator
from dataclasses import dataclass

from .aws import AWS, AWSError
from .stacks import TAG, Resource
from .terminal import Terminal


@dataclass(frozen=True)
class Database:
    id: str
    gigabytes: int
    engine: str
    protected: bool


def of(aws: AWS, resources: list[Resource]) -> list[Database]:
    """Those that are there."""
    named = [each.id for each in resources if each.type == "AWS::RDS::DBInstance" and each.id]
    return [made for name in named for made in _database(aws, name)]


def _database(aws: AWS, name: str) -> Iterator[Database]:
    try:
        answer = aws.ask(aws.rds.describe_db_instances, DBInstanceIdentifier=name)
    except AWSError as error:
        if error.code != "DBInstanceNotFound":
            raise
        return
    for found in answer["DBInstances"]:
        yield Database(
            id=found["DBInstanceIdentifier"],
            gigabytes=found.get("AllocatedStorage", 0),
            engine=found.get("Engine", ""),
            protected=found.get("DeletionProtection", False),
        )


def unprotect(aws: AWS, terminal: Terminal, found: list[Database]) -> None:
    """A database refuses its deletion until it is told that it is meant."""
    for database in (each for each in found if each.protected):
        change = aws.rds.modify_db_instance
        aws.ask(change, DBInstanceIdentifier=database.id, DeletionProtection=False, ApplyImmediately=True)
        terminal.step(f"database {database.id}: may be deleted now")


def snapshots(aws: AWS, prefix: str) -> list[str]:
    """What deleted stacks have left."""
    pages = aws.pages(aws.rds.get_paginator("describe_db_snapshots").paginate, SnapshotType="manual")
    found = [snapshot for page in pages for snapshot in page["DBSnapshots"]]
    ours = {"Key": TAG, "Value": prefix}
    return [each["DBSnapshotIdentifier"] for each in found if ours in each.get("TagList", [])]


def say_snapshots(aws: AWS, terminal: Terminal, names: list[str]) -> None:
    for name in names:
        terminal.say(
            f"\nKept, at 0.10 dollars a GiB and month: a snapshot of the database. To remove it, too:\n"
            f"  aws rds delete-db-snapshot --region {aws.region} --db-snapshot-identifier {name}"
        )

"""The portal's database in RDS: what keeps its stack from being deleted, and what is left of it then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .aws import AWS, AWSError
from .stacks import TAG, Resource
from .terminal import RefusalError, Terminal

_INTERVAL, _LIMIT = 15, 1800
#: What RDS changes in. After a disk has grown the second lasts for hours:
#: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
_FREE = {"available", "storage-optimization"}


@dataclass(frozen=True)
class Database:
    id: str
    gigabytes: int
    engine: str
    protected: bool
    status: str


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
            status=found.get("DBInstanceStatus", ""),
        )


def unprotect(aws: AWS, terminal: Terminal, found: list[Database]) -> None:
    """A database refuses its deletion until it is told that it is meant, and is told only while available.

    Raises RefusalError where RDS is busy with one for longer than half an hour.
    """
    for name in (each.id for each in found if each.protected):
        _wait(aws, terminal, name, lambda each: not each.protected or each.status in _FREE)
        if not any(each.protected for each in _database(aws, name)):
            continue
        change = aws.rds.modify_db_instance
        aws.ask(change, DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
        # While RDS is still changing it, it takes no last snapshot.
        _wait(aws, terminal, name, lambda each: not each.protected and each.status != "modifying")
        terminal.step(f"database {name}: may be deleted now")


def _wait(aws: AWS, terminal: Terminal, name: str, ready: Callable[[Database], bool]) -> None:
    """Until it is, or there is no such database any more."""
    deadline = terminal.now() + _LIMIT
    said = False
    while busy := [each.status for each in _database(aws, name) if not ready(each)]:
        if terminal.now() >= deadline:
            raise RefusalError(_busy(aws, name, busy[0]))
        if not said:
            terminal.step(f"database {name} is {busy[0]}: waiting until RDS lets it be deleted")
            said = True
        terminal.sleep(_INTERVAL)


def _busy(aws: AWS, name: str, status: str) -> str:
    return (
        f"The database {name} is {status} after {_LIMIT // 60} minutes, and cannot be deleted so. "
        f"See what RDS does with it, and start it if it is stopped:\n"
        f"  aws rds describe-events --region {aws.region} --source-type db-instance "
        f"--source-identifier {name}\n"
        f"  aws rds start-db-instance --region {aws.region} --db-instance-identifier {name}\n"
        "When it is available, run this again."
    )


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

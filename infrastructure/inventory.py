"""What of a portal is in the account: everything that ``down`` takes away, as it is found before."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import databases, settings, stacks
from .aws import AWS, AWSError
from .databases import Database
from .stacks import Resource, Stack

#: The portal's own tag, on what it made and launched; see ecdeployer/aws/tags.py.
SITES_TAG = "ecdeployer:prefix"
_LIVE = ["pending", "running", "stopping", "stopped", "shutting-down"]


@dataclass(frozen=True)
class Bucket:
    """``versions`` counts every version of every object, and the marks of deleted ones."""

    name: str
    versions: int


@dataclass(frozen=True)
class Machine:
    id: str
    name: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Inventory:
    root: Stack | None = None
    bootstrap: Stack | None = None
    resources: list[Resource] = field(default_factory=list)
    databases: list[Database] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)
    images: dict[str, list[str]] = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str, str]]:
        """The table of what goes; the head alone where there is nothing."""
        return [("WHAT", "NAME", "IS"), *self._rows()]

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for stack in (self.root, self.bootstrap):
            if stack:
                yield "stack", stack.name, stack.status
        for database in self.databases:
            yield (
                "database",
                database.id,
                f"{database.gigabytes} GiB of {database.engine}; a last snapshot is kept",
            )
        for bucket in self.buckets:
            yield "bucket", bucket.name, f"{bucket.versions:,} objects, with their earlier versions"
        for machine in self.machines:
            yield (
                "site's machine",
                machine.name or machine.id,
                f"{machine.id}, {machine.state}, with its disk",
            )
        for image, snapshots in self.images.items():
            yield "golden image", image, f"with {len(snapshots)} snapshot{'' if len(snapshots) == 1 else 's'}"
        if self.parameters:
            count = len(self.parameters)
            yield "parameters", f"{count} in Parameter Store", "secrets, settings, sites' environments"


def take(aws: AWS, prefix: str) -> Inventory:
    root, bootstrap = (stacks.find(aws, name) for name in (prefix, f"{prefix}-bootstrap"))
    found = [each for stack in (root, bootstrap) if stack for each in stacks.resources(aws, stack.id)]
    return Inventory(
        root=root,
        bootstrap=bootstrap,
        resources=found,
        databases=databases.of(aws, found),
        buckets=[made for name in _buckets(aws, prefix, found) for made in _bucket(aws, name)],
        machines=machines(aws, prefix),
        images=images(aws, prefix),
        parameters=settings.names(aws, prefix),
    )


def _of(found: list[Resource], kind: str) -> list[Resource]:
    return [each for each in found if each.type == kind and each.id]


def _buckets(aws: AWS, prefix: str, found: list[Resource]) -> list[str]:
    """Those of the stacks, and those that an earlier stack of ours left: their template keeps backups."""
    own = [each.id for each in _of(found, "AWS::S3::Bucket")]
    tagged = [arn.rpartition(":")[2] for arn in tagged_arns(aws, stacks.TAG, prefix, kind="s3")]
    return list(dict.fromkeys([*own, *tagged]))


def _bucket(aws: AWS, name: str) -> Iterator[Bucket]:
    try:
        yield Bucket(name, sum(len(part) for part in versions(aws, name)))
    except AWSError as error:
        if error.code != "NoSuchBucket":
            raise


def versions(aws: AWS, bucket: str) -> Iterator[list[dict[str, str]]]:
    """Every version and every mark of a deletion, at most a thousand at once, as DeleteObjects takes them."""
    for page in aws.pages(aws.s3.get_paginator("list_object_versions").paginate, Bucket=bucket):
        both: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in both]


def machines(aws: AWS, prefix: str) -> list[Machine]:
    """Sites' machines, and a builder of an image that was left."""
    filters: Any = [
        {"Name": f"tag:{SITES_TAG}", "Values": [prefix]},
        {"Name": "instance-state-name", "Values": _LIVE},
    ]
    pages = aws.pages(aws.ec2.get_paginator("describe_instances").paginate, Filters=filters)
    found = [each for page in pages for held in page["Reservations"] for each in held["Instances"]]
    return [
        Machine(
            each["InstanceId"],
            next((tag["Value"] for tag in each.get("Tags", []) if tag["Key"] == "Name"), ""),
            each["State"]["Name"],
        )
        for each in found
    ]


def images(aws: AWS, prefix: str) -> dict[str, list[str]]:
    """Golden images, each with its snapshots."""
    ours: Any = [{"Name": f"tag:{SITES_TAG}", "Values": [prefix]}]
    answer = aws.ask(aws.ec2.describe_images, Owners=["self"], Filters=ours)
    return {
        image["ImageId"]: [
            disk["Ebs"]["SnapshotId"]
            for disk in image.get("BlockDeviceMappings", [])
            if disk.get("Ebs", {}).get("SnapshotId")
        ]
        for image in answer["Images"]
    }


def tagged_arns(aws: AWS, tag: str, prefix: str, *, kind: str = "") -> list[str]:
    """Everything in the region with that tag; AWS goes on listing some of it for an hour after its end."""
    ours: Any = [{"Key": tag, "Values": [prefix]}]
    paginator, kinds = aws.tagging.get_paginator("get_resources"), [kind] if kind else []
    pages = aws.pages(paginator.paginate, TagFilters=ours, ResourceTypeFilters=kinds)
    return sorted(found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"])

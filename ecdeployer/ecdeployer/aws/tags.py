"""The tags that say what is ours, and whose."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

PREFIX = "ecdeployer:prefix"
APPLICATION = "ecdeployer:application"
INSTANCE = "ecdeployer:instance"
#: On an Elastic IP address: its own row.
ADDRESS = "ecdeployer:address"
ATTEMPT = "ecdeployer:attempt"
#: When the attempt was committed, by the portal's clock, as ISO 8601.
ASKED_AT = "ecdeployer:asked-at"
#: On the machine that a golden image is made on: it belongs to no application and to no row.
BUILDER = "ecdeployer:builder"
#: On a golden image: the SHA-256 of the script that made it, and the AMI that it was made from.
SCRIPT = "ecdeployer:script"
BASE = "ecdeployer:base"
PARTS = "ecdeployer:parts"
NAME = "Name"


class Tag(TypedDict):
    Key: str
    Value: str


def instance_tags(
    *, prefix: str, application: str, instance: str, attempt: int, asked_at: datetime, name: str
) -> dict[str, str]:
    """What a launched machine and its volume carry. ``application`` and ``instance`` are our rows' UUIDs."""
    return {
        PREFIX: prefix,
        APPLICATION: application,
        INSTANCE: instance,
        ATTEMPT: str(attempt),
        ASKED_AT: asked_at.isoformat(timespec="seconds"),
        NAME: name[:256],
    }


def address_tags(
    *, prefix: str, application: str, address: str, asked_at: datetime, name: str
) -> dict[str, str]:
    """What an Elastic IP address carries. ``application`` and ``address`` are our rows' UUIDs."""
    return {
        PREFIX: prefix,
        APPLICATION: application,
        ADDRESS: address,
        ASKED_AT: asked_at.isoformat(timespec="seconds"),
        NAME: name[:256],
    }


def row_of(tags: Mapping[str, str], key: str) -> str:
    """The row that a tag names; empty where that is no name of a row."""
    try:
        return str(UUID(tags.get(key, "")))
    except ValueError:
        return ""


def asked_at(tags: Mapping[str, str]) -> datetime | None:
    """None where the tag is not as we write it."""
    try:
        return datetime.fromisoformat(tags[ASKED_AT])
    except (KeyError, ValueError):
        return None


def to_list(tags: Mapping[str, str]) -> list[Tag]:
    return [Tag(Key=key, Value=value) for key, value in tags.items()]


def specifications(tags: Mapping[str, str], *resources: str) -> list[Any]:
    """EC2's TagSpecifications: the same tags for every kind of resource that a call makes."""
    return [{"ResourceType": resource, "Tags": to_list(tags)} for resource in resources]

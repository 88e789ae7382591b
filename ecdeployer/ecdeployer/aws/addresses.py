"""Elastic IP addresses: public addresses that are ours until they are released."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import tags
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef


@dataclass(frozen=True, kw_only=True)
class Elastic:
    """An address as EC2 reports it; ``ec2_id`` is the machine that it leads to, if any."""

    allocation_id: str
    public_ip: str
    ec2_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)


def allocate(aws: AWS, *, tag: Mapping[str, str]) -> Elastic:
    """A new one. EC2 takes no token for it: what an unread answer made is found again by its tags."""
    answer = aws.ask(
        lambda: aws.ec2.allocate_address(
            Domain="vpc", TagSpecifications=tags.specifications(tag, "elastic-ip")
        )
    )
    return Elastic(allocation_id=answer["AllocationId"], public_ip=answer["PublicIp"], tags=dict(tag))


def find(aws: AWS, *, tag: tuple[str, str]) -> list[Elastic]:
    """All with that tag, in one call: EC2 knows no pages of them."""
    key, value = tag
    return _describe(aws, f"tag:{key}", [value])


def find_by_ids(aws: AWS, allocation_ids: list[str]) -> list[Elastic]:
    """Those that EC2 reports, at most 200 asked for: its limit for the values of a filter."""
    return _describe(aws, "allocation-id", allocation_ids)


def associate(aws: AWS, allocation_id: str, ec2_id: str) -> None:
    """Let it lead to this machine, which runs or is stopped, wherever it led before; any number of times."""
    aws.ask(
        lambda: aws.ec2.associate_address(
            AllocationId=allocation_id, InstanceId=ec2_id, AllowReassociation=True
        )
    )


def release(aws: AWS, allocation_id: str) -> None:
    """Give it back for good. It must lead nowhere: a machine that ended has let go of it."""
    aws.ask(lambda: aws.ec2.release_address(AllocationId=allocation_id))


def _describe(aws: AWS, name: str, values: list[str]) -> list[Elastic]:
    answer = aws.ask(lambda: aws.ec2.describe_addresses(Filters=[{"Name": name, "Values": values}]))
    return [_elastic(address) for address in answer["Addresses"]]


def _elastic(address: "AddressTypeDef") -> Elastic:
    return Elastic(
        allocation_id=address["AllocationId"],
        public_ip=address["PublicIp"],
        ec2_id=address.get("InstanceId", ""),
        tags={tag["Key"]: tag["Value"] for tag in address.get("Tags", [])},
    )

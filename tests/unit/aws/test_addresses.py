"""EC2's answers and refusals about Elastic IPs."""

from collections.abc import Callable

import pytest
from ecdeployer.aws import addresses
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

ALLOCATION, MACHINE, IP = "eipalloc-0123456789abcdef0", "i-0123456789abcdef0", "203.0.113.7"
TAGS = [{"Key": "ecdeployer:application", "Value": "a"}]


def test_one_is_made_with_its_tags(aws: AWS, stub: Stub) -> None:
    asked = {"Domain": "vpc", "TagSpecifications": [{"ResourceType": "elastic-ip", "Tags": TAGS}]}
    stub("ec2").add_response("allocate_address", {"AllocationId": ALLOCATION, "PublicIp": IP}, asked)
    made = addresses.allocate(aws, tag={"ecdeployer:application": "a"})
    assert (made.allocation_id, made.public_ip, made.ec2_id) == (ALLOCATION, IP, "")


def test_where_it_leads_and_whose_it_is_are_read(aws: AWS, stub: Stub) -> None:
    found = [
        {"AllocationId": ALLOCATION, "PublicIp": IP, "InstanceId": MACHINE, "Tags": TAGS},
        {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.8"},
    ]
    asked = {"Filters": [{"Name": "tag:ecdeployer:application", "Values": ["a"]}]}
    stub("ec2").add_response("describe_addresses", {"Addresses": found}, asked)
    first, second = addresses.find(aws, tag=("ecdeployer:application", "a"))
    assert (first.ec2_id, first.tags) == (MACHINE, {"ecdeployer:application": "a"})
    assert (second.ec2_id, second.tags) == ("", {})


def test_it_is_led_from_wherever_it_led(aws: AWS, stub: Stub) -> None:
    asked = {"AllocationId": ALLOCATION, "InstanceId": MACHINE, "AllowReassociation": True}
    stub("ec2").add_response("associate_address", {"AssociationId": "eipassoc-1"}, asked)
    addresses.associate(aws, ALLOCATION, MACHINE)


#: What EC2 says of each: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
REFUSALS: list[tuple[str, str, Callable[[AWS], object], str]] = [
    ("allocate_address", "AddressLimitExceeded", lambda aws: addresses.allocate(aws, tag={}), "limit"),
    ("allocate_address", "UnauthorizedOperation", lambda aws: addresses.allocate(aws, tag={}), "denied"),
    (
        "associate_address",
        "InvalidAllocationID.NotFound",
        lambda aws: addresses.associate(aws, ALLOCATION, MACHINE),
        "not-found",
    ),
    (
        "associate_address",
        "InvalidInstanceID",
        lambda aws: addresses.associate(aws, ALLOCATION, MACHINE),
        "unavailable",
    ),
    (
        "release_address",
        "InvalidIPAddress.InUse",
        lambda aws: addresses.release(aws, ALLOCATION),
        "unavailable",
    ),
    (
        "release_address",
        "InvalidAllocationID.NotFound",
        lambda aws: addresses.release(aws, ALLOCATION),
        "not-found",
    ),
    (
        "describe_addresses",
        "RequestLimitExceeded",
        lambda aws: addresses.find_by_ids(aws, [ALLOCATION]),
        "throttled",
    ),
]


@pytest.mark.parametrize(("operation", "code", "call", "kind"), REFUSALS)
def test_a_refusal_is_translated(
    aws: AWS, stub: Stub, operation: str, code: str, call: Callable[[AWS], object], kind: str
) -> None:
    stub("ec2").add_client_error(operation, code, "no")
    with pytest.raises(AWSError) as refusal:
        call(aws)
    assert (refusal.value.code, refusal.value.kind) == (code, kind)
    assert refusal.value.person

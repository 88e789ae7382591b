"""Elastic IPs lead to machines: they answer, move at once, stay over a stop, and are EC2's in number."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.conftest import until
from tests.integration.localcloud.test_machines import SERVE, page

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]
_TOKEN, _META = "X-aws-ec2-metadata-token", "169.254.169.254/latest"
TAGS = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "a", "Value": "b"}]}]


def _of(cloud: "RunningCloud", allocation: str) -> dict[str, Any]:
    [found] = cloud.client("ec2").describe_addresses(AllocationIds=[allocation])["Addresses"]
    return dict(found)


def _refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return str(refusal.value.response["Error"]["Code"])


def test_an_address_leads_where_it_is_told_and_stays_over_a_stop(cloud: "RunningCloud") -> None:
    ec2 = cloud.client("ec2")
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=TAGS)
    address, allocation = made["PublicIp"], made["AllocationId"]
    first, second = (cloud.launch(UserData=SERVE) for _ in range(2))
    for each in (first, second):
        cloud.initialized(each)
    hosts = {each: f"page of {cloud.run(each, 'hostname')}" for each in (first, second)}
    ordinary = cloud.describe(first)["PublicIpAddress"]
    assert until(lambda: page(ordinary)) == hosts[first]

    ec2.associate_address(AllocationId=allocation, InstanceId=first)
    assert cloud.describe(first)["PublicIpAddress"] == address
    assert _of(cloud, allocation)["InstanceId"] == first
    assert page(address) == hosts[first]
    assert page(ordinary) is None
    token = f"$(curl -fsX PUT -H {_TOKEN}-ttl-seconds:60 {_META}/api/token)"
    asked = f"curl -fs -H {_TOKEN}:{token} {_META}/meta-data/public-ipv4"
    assert cloud.run(first, asked) == address

    refused = _refusal(ec2.associate_address, AllocationId=allocation, InstanceId=second)
    assert refused == "Resource.AlreadyAssociated"
    began = time.monotonic()
    ec2.associate_address(AllocationId=allocation, InstanceId=second, AllowReassociation=True)
    assert page(address) == hosts[second]
    assert time.monotonic() - began < 2
    assert cloud.run(first, f"curl -fs http://{address}/") == hosts[second]
    assert cloud.describe(first)["PublicIpAddress"] not in {address, ""}

    cloud.run(second, "systemctl list-units >/dev/null")
    ec2.stop_instances(InstanceIds=[second])
    assert cloud.reach(second, "stopped")["PublicIpAddress"] == address
    ec2.start_instances(InstanceIds=[second])
    assert cloud.reach(second, "running")["PublicIpAddress"] == address
    assert _refusal(ec2.release_address, AllocationId=allocation) == "InvalidIPAddress.InUse"
    cloud.terminate(first, second)
    assert not _of(cloud, allocation).get("InstanceId")
    ec2.release_address(AllocationId=allocation)
    assert _refusal(ec2.release_address, AllocationId=allocation) == "InvalidAllocationID.NotFound"


def test_an_account_has_as_many_as_ec2_gives(cloud: "RunningCloud") -> None:
    ec2 = cloud.client("ec2")
    made = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(5)]
    assert _refusal(ec2.allocate_address, Domain="vpc") == "AddressLimitExceeded"
    for allocation in made:
        ec2.release_address(AllocationId=allocation)
    assert ec2.describe_addresses()["Addresses"] == []

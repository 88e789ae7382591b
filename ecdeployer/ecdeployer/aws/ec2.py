"""Machines."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import tags
from .errors import AWSError
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

#: DescribeInstances' maximum for one page.
PAGE = 1000
_VALUES = 200
#: Until it is ``terminated`` it may hold its disk and its address.
HELD_STATES = frozenset({"pending", "running", "stopping", "stopped", "shutting-down"})
LIVE_STATES = frozenset({"pending", "running", "stopping", "stopped"})


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance as EC2 reports it; what EC2 does not say yet is empty."""

    ec2_id: str
    state: str
    ami_id: str = ""
    instance_type: str = ""
    availability_zone: str = ""
    public_ip: str = ""
    private_ip: str = ""
    launched_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    state_reason: str = ""
    state_code: str = ""
    client_token: str = ""
    arn: str = ""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """``user_data`` is what the machine is to receive, not yet in base64; at most 16,384 bytes."""

    launch_template_id: str
    launch_template_version: str
    ami_id: str
    instance_type: str
    user_data: bytes = field(repr=False)
    client_token: str
    tags: Mapping[str, str]
    subnet_id: str = ""


@dataclass(frozen=True)
class Subnet:
    id: str
    zone: str


def launch_arguments(request: LaunchRequest) -> dict[str, Any]:
    """RunInstances' arguments; botocore itself encodes the user data."""
    arguments: dict[str, Any] = {
        "LaunchTemplate": {
            "LaunchTemplateId": request.launch_template_id,
            "Version": request.launch_template_version,
        },
        "ImageId": request.ami_id,
        "InstanceType": request.instance_type,
        "UserData": request.user_data,
        "ClientToken": request.client_token,
        "TagSpecifications": tags.specifications(request.tags, "instance", "volume"),
        "MinCount": 1,
        "MaxCount": 1,
    }
    if request.subnet_id:
        arguments["SubnetId"] = request.subnet_id
    return arguments


def run_instance(aws: AWS, request: LaunchRequest) -> Machine:
    """Launch, or be told again of the machine that this client token has launched already.

    An answer without our tags is not our machine: AWSError of kind ``mismatch``.
    """
    answer = aws.ask(lambda: aws.ec2.run_instances(**launch_arguments(request)))
    machine = _machine(answer["Instances"][0], account=answer.get("OwnerId", ""), aws=aws)
    missing = sorted(key for key, value in request.tags.items() if machine.tags.get(key) != value)
    if missing:
        raise AWSError(
            code="AnswerWithoutOurTags",
            message=f"{machine.ec2_id} lacks {', '.join(missing)}",
            kind="mismatch",
            person="AWS answered with a machine that is not this one. Ask the operator of this portal.",
        )
    return machine


def find_machines(aws: AWS, *, tag: tuple[str, str]) -> list[Machine]:
    """Every machine with that tag, those that ended within the last hour or so included."""
    key, value = tag
    return _describe(aws, Filters=[{"Name": f"tag:{key}", "Values": [value]}])


def find_by_instance_tag(aws: AWS, instance_uuid: str) -> Machine | None:
    """The machine of an Instance row: a live one before one that has ended, the oldest of several."""
    found = find_machines(aws, tag=(tags.INSTANCE, str(instance_uuid)))
    return min(found, key=_live_then_old) if found else None


def find_by_ids(aws: AWS, ec2_ids: Collection[str]) -> list[Machine]:
    """Those that EC2 reports, at most 200 asked for at once: its limit for the values of a filter."""
    wanted = sorted(ec2_ids)
    parts = [wanted[start : start + _VALUES] for start in range(0, len(wanted), _VALUES)]
    return [
        machine
        for part in parts
        for machine in _describe(aws, Filters=[{"Name": "instance-id", "Values": part}])
    ]


def find_machine(aws: AWS, ec2_id: str) -> Machine | None:
    """None where EC2 does not report it: shortly after the launch that does not mean that there is none."""
    found = find_by_ids(aws, [ec2_id])
    return found[0] if found else None


def terminate(aws: AWS, ec2_id: str) -> str:
    """The state it has now. Kind ``not-found``: describe it before believing that it is gone."""
    answer = aws.ask(lambda: aws.ec2.terminate_instances(InstanceIds=[ec2_id]))
    return answer["TerminatingInstances"][0]["CurrentState"]["Name"]


def stop(aws: AWS, ec2_id: str) -> str:
    """The state it has now."""
    answer = aws.ask(lambda: aws.ec2.stop_instances(InstanceIds=[ec2_id]))
    return answer["StoppingInstances"][0]["CurrentState"]["Name"]


def start(aws: AWS, ec2_id: str) -> str:
    """The state it has now. Kind ``capacity``: there is no room for its type in its zone."""
    answer = aws.ask(lambda: aws.ec2.start_instances(InstanceIds=[ec2_id]))
    return answer["StartingInstances"][0]["CurrentState"]["Name"]


def reboot(aws: AWS, ec2_id: str) -> None:
    aws.ask(lambda: aws.ec2.reboot_instances(InstanceIds=[ec2_id]))


def set_type(aws: AWS, ec2_id: str, instance_type: str) -> None:
    """Of a stopped machine; whether there is room for it is told when it starts."""
    aws.ask(
        lambda: aws.ec2.modify_instance_attribute(InstanceId=ec2_id, InstanceType={"Value": instance_type})
    )


def console_output(aws: AWS, ec2_id: str) -> str:
    """The serial console's last 64 KB, as of now on Nitro types; older types give it minutes late."""
    try:
        answer = aws.ask(lambda: aws.ec2.get_console_output(InstanceId=ec2_id, Latest=True))
    except AWSError as error:
        if error.code != "UnsupportedOperation":
            raise
        answer = aws.ask(lambda: aws.ec2.get_console_output(InstanceId=ec2_id))
    return answer.get("Output") or ""


def default_subnets(aws: AWS) -> list[Subnet]:
    """The default subnet of each zone, in order; none in an account without a default VPC."""
    filters: Any = [
        {"Name": "default-for-az", "Values": ["true"]},
        {"Name": "state", "Values": ["available"]},
    ]
    answer = aws.ask(lambda: aws.ec2.describe_subnets(Filters=filters))
    subnets = [Subnet(id=found["SubnetId"], zone=found["AvailabilityZone"]) for found in answer["Subnets"]]
    return sorted(subnets, key=lambda subnet: (subnet.zone, subnet.id))


def find_volumes(aws: AWS, *, tag: tuple[str, str]) -> list[str]:
    """The ids of the disks with that tag that are not being deleted."""
    key, value = tag
    answer = aws.ask(lambda: aws.ec2.describe_volumes(Filters=[{"Name": f"tag:{key}", "Values": [value]}]))
    return [
        volume["VolumeId"] for volume in answer["Volumes"] if volume["State"] not in {"deleting", "deleted"}
    ]


def find_impaired(aws: AWS) -> set[str]:
    """The EC2 ids of running machines whose system or instance status check fails."""
    paginate = lambda: list(  # noqa: E731
        aws.ec2.get_paginator("describe_instance_status").paginate(PaginationConfig={"PageSize": PAGE})
    )
    return {
        status["InstanceId"]
        for page in aws.ask(paginate)
        for status in page["InstanceStatuses"]
        if "impaired" in (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"])
    }


def _describe(aws: AWS, **arguments: Any) -> list[Machine]:
    paginate = lambda: list(  # noqa: E731
        aws.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": PAGE}, **arguments)
    )
    return [
        _machine(instance, account=reservation.get("OwnerId", ""), aws=aws)
        for page in aws.ask(paginate)
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]


def _machine(instance: "InstanceTypeDef", *, account: str, aws: AWS) -> Machine:
    ec2_id = instance["InstanceId"]
    return Machine(
        ec2_id=ec2_id,
        state=instance["State"]["Name"],
        ami_id=instance.get("ImageId", ""),
        instance_type=instance.get("InstanceType", ""),
        availability_zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        public_ip=instance.get("PublicIpAddress", ""),
        private_ip=instance.get("PrivateIpAddress", ""),
        launched_at=instance.get("LaunchTime"),
        tags={tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])},
        state_reason=instance.get("StateReason", {}).get("Message", ""),
        state_code=instance.get("StateReason", {}).get("Code", ""),
        client_token=instance.get("ClientToken", ""),
        arn=f"arn:{aws.partition}:ec2:{aws.region}:{account}:instance/{ec2_id}",
    )


def _live_then_old(machine: Machine) -> tuple[bool, float]:
    launched = machine.launched_at.timestamp() if machine.launched_at else float("inf")
    return machine.state not in LIVE_STATES, launched

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.aws import ec2, tags
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

GOLDEN = Path(__file__).parents[2] / "golden" / "aws" / "run_instances.json"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REQUEST = ec2.LaunchRequest(
    launch_template_id="lt-0a",
    launch_template_version="7",
    ami_id="ami-0b",
    instance_type="t3.small",
    user_data=b"\x1f\x8bzipped",
    client_token="6f9b8a4e-1",
    subnet_id="subnet-0c",
    tags=tags.instance_tags(
        prefix="ecdeployer", application="a" * 36, instance="b" * 36, attempt=2, asked_at=NOON, name="notes"
    ),
)


def instance(ec2_id: str = "i-1", **more: Any) -> dict[str, Any]:
    state = more.pop("state", "running")
    return {"InstanceId": ec2_id, "State": {"Name": state}, "LaunchTime": NOON, **more}


def answer(*instances: dict[str, Any]) -> dict[str, Any]:
    return {"Reservations": [{"OwnerId": "123456789012", "Instances": list(instances)}]}


def test_launch_arguments_are_those_of_the_golden_file() -> None:
    arguments = ec2.launch_arguments(REQUEST)
    arguments["UserData"] = arguments["UserData"].hex()
    assert arguments == json.loads(GOLDEN.read_text())


def test_no_subnet_leaves_the_zone_to_aws() -> None:
    assert "SubnetId" not in ec2.launch_arguments(dataclasses.replace(REQUEST, subnet_id=""))


def test_user_data_is_not_in_a_requests_repr() -> None:
    assert "zipped" not in repr(REQUEST)


def test_a_launch_answers_the_machine(aws: AWS, stub: Stub) -> None:
    launched = instance(
        state="pending",
        ImageId="ami-0b",
        InstanceType="t3.small",
        Placement={"AvailabilityZone": "eu-west-1b"},
        PrivateIpAddress="172.31.0.9",
        ClientToken="6f9b8a4e-1",
        Tags=tags.to_list(REQUEST.tags),
    )
    answered = {"OwnerId": "123456789012", "Instances": [launched]}
    stub("ec2").add_response("run_instances", answered, ec2.launch_arguments(REQUEST))
    machine = ec2.run_instance(aws, REQUEST)
    assert machine == ec2.Machine(
        ec2_id="i-1",
        state="pending",
        ami_id="ami-0b",
        instance_type="t3.small",
        availability_zone="eu-west-1b",
        private_ip="172.31.0.9",
        launched_at=NOON,
        tags=dict(REQUEST.tags),
        client_token="6f9b8a4e-1",
        arn="arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
    )


def test_an_answer_without_our_tags_is_not_our_machine(aws: AWS, stub: Stub) -> None:
    other = {**REQUEST.tags, tags.INSTANCE: "c" * 36}
    stub("ec2").add_response("run_instances", {"Instances": [instance(Tags=tags.to_list(other))]})
    with pytest.raises(AWSError) as caught:
        ec2.run_instance(aws, REQUEST)
    assert caught.value.kind == "mismatch"
    assert tags.INSTANCE in caught.value.message
    assert tags.APPLICATION not in caught.value.message


def test_every_page_of_a_fleet_is_read_a_thousand_at_a_time(aws: AWS, stub: Stub) -> None:
    filters = [{"Name": "tag:ecdeployer:prefix", "Values": ["ecdeployer"]}]
    first = {**answer(instance("i-1"), instance("i-2")), "NextToken": "more"}
    stub("ec2").add_response("describe_instances", first, {"Filters": filters, "MaxResults": 1000})
    stub("ec2").add_response(
        "describe_instances",
        answer(instance("i-3", state="terminated")),
        {"Filters": filters, "MaxResults": 1000, "NextToken": "more"},
    )
    machines = ec2.find_machines(aws, tag=(tags.PREFIX, "ecdeployer"))
    assert [machine.ec2_id for machine in machines] == ["i-1", "i-2", "i-3"]


def test_a_live_machine_comes_before_one_that_has_ended_and_the_older_first(aws: AWS, stub: Stub) -> None:
    later = NOON + timedelta(minutes=1)
    stub("ec2").add_response(
        "describe_instances",
        answer(
            instance("i-ended", state="terminated"),
            {**instance("i-younger"), "LaunchTime": later + timedelta(minutes=1)},
            {**instance("i-older"), "LaunchTime": later},
        ),
    )
    found = ec2.find_by_instance_tag(aws, "b" * 36)
    assert found is not None
    assert found.ec2_id == "i-older"


def test_no_machine_of_a_row(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_response("describe_instances", {"Reservations": []})
    assert ec2.find_by_instance_tag(aws, "b" * 36) is None


def test_ending_answers_the_new_state(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_response(
        "terminate_instances",
        {"TerminatingInstances": [{"InstanceId": "i-1", "CurrentState": {"Name": "shutting-down"}}]},
        {"InstanceIds": ["i-1"]},
    )
    assert ec2.terminate(aws, "i-1") == "shutting-down"


def test_an_old_type_gives_its_console_late_rather_than_never(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_client_error("get_console_output", "UnsupportedOperation")
    stub("ec2").add_response("get_console_output", {"Output": "Ym9vdGVk"}, {"InstanceId": "i-1"})
    assert ec2.console_output(aws, "i-1") == "booted"


def test_no_console_yet(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_response("get_console_output", {}, {"InstanceId": "i-1", "Latest": True})
    assert ec2.console_output(aws, "i-1") == ""


def test_default_subnets_in_the_order_of_zones(aws: AWS, stub: Stub) -> None:
    subnets = [
        {"SubnetId": "subnet-1", "AvailabilityZone": "eu-west-1c"},
        {"SubnetId": "subnet-2", "AvailabilityZone": "eu-west-1a"},
    ]
    stub("ec2").add_response("describe_subnets", {"Subnets": subnets})
    assert [subnet.zone for subnet in ec2.default_subnets(aws)] == ["eu-west-1a", "eu-west-1c"]

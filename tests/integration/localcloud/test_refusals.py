"""EC2's refusals, through the API."""

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

UNKNOWN = "i-0123456789abcdef0"
LAUNCHES: list[tuple[str, dict[str, Any]]] = [
    ("InvalidAMIID.Malformed", {"ImageId": "nonsense"}),
    ("InvalidAMIID.NotFound", {"ImageId": "ami-0123456789abcdef0"}),
    ("InvalidParameterValue", {"InstanceType": "t9.huge"}),
    ("InvalidParameterValue", {"InstanceType": "t4g.micro"}),
    ("InvalidParameterValue", {"UserData": "x" * 16_385}),
    ("InvalidParameterValue", {"ClientToken": "t" * 65}),
    ("InvalidParameterValue", {"MinCount": 2}),
    ("InstanceLimitExceeded", {"MinCount": 99, "MaxCount": 99}),
    ("InvalidLaunchTemplateId.NotFound", {"LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0"}}),
    (
        "InvalidLaunchTemplateName.NotFoundException",
        {"LaunchTemplate": {"LaunchTemplateName": "none-of-this-name"}},
    ),
    ("InvalidSubnetID.NotFound", {"SubnetId": "subnet-0123456789abcdef0"}),
    ("InvalidParameterValue", {"Placement": {"AvailabilityZone": "us-east-1a"}}),
    ("DryRunOperation", {"DryRun": True}),
]


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(("code", "request_"), LAUNCHES)
def test_launches_that_ec2_refuses(cloud: "RunningCloud", code: str, request_: dict[str, Any]) -> None:
    before = len(cloud.client("ec2").describe_instances()["Reservations"])
    assert refused(cloud.launch, **request_) == code
    assert len(cloud.client("ec2").describe_instances()["Reservations"]) == before


@pytest.mark.parametrize(
    "action",
    ["start_instances", "stop_instances", "reboot_instances", "terminate_instances", "describe_instances"],
)
def test_instances_that_are_none(cloud: "RunningCloud", action: str) -> None:
    call = getattr(cloud.client("ec2"), action)
    assert refused(call, InstanceIds=["nonsense"]) == "InvalidInstanceID.Malformed"
    assert refused(call, InstanceIds=[UNKNOWN]) == "InvalidInstanceID.NotFound"


def test_a_token_with_other_parameters_or_of_an_ended_instance(cloud: "RunningCloud") -> None:
    token = secrets.token_hex(32)
    instance_id = cloud.launch(ClientToken=token)

    assert refused(cloud.launch, ClientToken=token, InstanceType="t3.small") == "IdempotentParameterMismatch"
    cloud.terminate(instance_id)
    assert refused(cloud.launch, ClientToken=token) == "IdempotentInstanceTerminated"


def test_states_from_which_there_is_no_way(cloud: "RunningCloud") -> None:
    ec2 = cloud.client("ec2")
    instance_id = cloud.launch()
    assert refused(ec2.stop_instances, InstanceIds=[instance_id]) == "IncorrectInstanceState"
    assert refused(ec2.create_image, InstanceId=instance_id, Name="too-early") == "IncorrectInstanceState"
    cloud.reach(instance_id, "running")
    change = {"InstanceId": instance_id, "InstanceType": {"Value": "t3.small"}}
    assert refused(ec2.modify_instance_attribute, **change) == "IncorrectInstanceState"
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    assert refused(ec2.terminate_instances, InstanceIds=[instance_id]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    cloud.terminate(instance_id)
    for action in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances):
        assert refused(action, InstanceIds=[instance_id]) == "IncorrectInstanceState"
    ec2.terminate_instances(InstanceIds=[instance_id])


def test_images_that_are_not_to_be_had(cloud: "RunningCloud", machine: str) -> None:
    ec2 = cloud.client("ec2")
    assert refused(ec2.create_image, InstanceId=machine, Name="semi;colon") == "InvalidAMIName.Malformed"
    [base] = ec2.describe_images(ImageIds=[cloud.image])["Images"]
    assert refused(ec2.create_image, InstanceId=machine, Name=base["Name"]) == "InvalidAMIName.Duplicate"
    assert refused(ec2.deregister_image, ImageId=cloud.image) == "AuthFailure"
    assert refused(ec2.deregister_image, ImageId="ami-0123456789abcdef0") == "InvalidAMIID.NotFound"


def test_a_template_is_merged_with_the_request(cloud: "RunningCloud") -> None:
    ec2 = cloud.client("ec2")
    data = {
        "ImageId": cloud.image,
        "InstanceType": "t3.nano",
        "MetadataOptions": {"HttpTokens": "required"},
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "disk", "Value": "1"}]},
        ],
    }
    own = [{"ResourceType": "launch-template", "Tags": [{"Key": "own", "Value": "1"}]}]
    name = f"of-tests-{secrets.token_hex(4)}"
    created = ec2.create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData=data, TagSpecifications=own
    )
    template = created["LaunchTemplate"]["LaunchTemplateId"]
    [version] = ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
    assert version["LaunchTemplateData"] == data
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )

    tags = [{"ResourceType": "instance", "Tags": [{"Key": "of", "Value": "request"}]}]
    launched = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": template, "Version": "2"},
        MinCount=1,
        MaxCount=1,
        TagSpecifications=tags,
    )["Instances"][0]

    found = {tag["Key"]: tag["Value"] for tag in launched["Tags"]}
    assert (found["from"], found["of"], found["aws:ec2launchtemplate:version"]) == (
        "template",
        "request",
        "2",
    )
    assert launched["InstanceType"] == "t3.small"
    assert launched["MetadataOptions"]["HttpTokens"] == "required"
    volume = cloud.describe(launched["InstanceId"])["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    [disk] = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert disk["Tags"] == [{"Key": "disk", "Value": "1"}]
    missing = {"LaunchTemplateId": template, "Version": "3"}
    assert refused(cloud.launch, LaunchTemplate=missing) == "InvalidLaunchTemplateId.VersionNotFound"
    cloud.terminate(launched["InstanceId"])

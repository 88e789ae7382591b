"""Images are disks of machines that outlive the cloud that made them."""

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.localcloud.conftest import running, until

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOTE = "#!/bin/sh\necho $(cat /var/lib/cloud/data/instance-id) >> /root/boots\n"


def image(cloud: "RunningCloud", image_id: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("ec2").describe_images(ImageIds=[image_id])["Images"][0]
    return found


def create(cloud: "RunningCloud", instance_id: str, **request: Any) -> str:
    name = f"of-tests-{secrets.token_hex(4)}"
    answer = cloud.client("ec2").create_image(InstanceId=instance_id, Name=name, **request)
    image_id = str(answer["ImageId"])
    until(lambda: image(cloud, image_id)["State"] == "available")
    return image_id


def test_an_image_carries_the_disk_and_outlives_its_cloud(cloud: "RunningCloud") -> None:
    builder = cloud.launch(UserData=NOTE)
    cloud.initialized(builder)
    cloud.client("ec2").stop_instances(InstanceIds=[builder])
    cloud.reach(builder, "stopped")
    tags = [{"ResourceType": "image", "Tags": [{"Key": "ecdeployer:golden", "Value": "yes"}]}]
    image_id = create(cloud, builder, Description="made here", TagSpecifications=tags)
    cloud.client("ec2").create_tags(Resources=[image_id], Tags=[{"Key": "later", "Value": "1"}])
    cloud.terminate(builder)

    with running(f"u{secrets.token_hex(4)}") as other:
        kept = image(other, image_id)
        assert kept["Description"] == "made here"
        assert {tag["Key"]: tag["Value"] for tag in kept["Tags"]} == {
            "ecdeployer:golden": "yes",
            "later": "1",
        }
        assert kept["CreationDate"] == image(cloud, image_id)["CreationDate"]
        launched = other.launch(ImageId=image_id, UserData=NOTE)
        other.initialized(launched)
        assert other.run(launched, "cat /root/boots").split() == [builder, launched]
        other.client("ec2").deregister_image(ImageId=image_id)

    assert cloud.client("ec2").describe_images(ImageIds=[image_id])["Images"] == []


def test_an_image_of_a_running_machine_reboots_it(cloud: "RunningCloud") -> None:
    instance_id = cloud.launch()
    cloud.online(instance_id)
    boot = cloud.run(instance_id, "touch /root/kept; cut -d' ' -f22 /proc/1/stat")

    image_id = create(cloud, instance_id)

    cloud.online(instance_id)
    assert cloud.run(instance_id, "ls /root; cut -d' ' -f22 /proc/1/stat").split() != ["kept", boot]
    assert cloud.run(instance_id, "ls /root") == "kept"
    cloud.client("ec2").deregister_image(ImageId=image_id)
    cloud.terminate(instance_id)


def test_an_image_without_a_reboot_leaves_the_machine_running(cloud: "RunningCloud", machine: str) -> None:
    boot = cloud.run(machine, "echo of-the-image > /srv/mark; cut -d' ' -f22 /proc/1/stat")

    image_id = create(cloud, machine, NoReboot=True)

    assert cloud.run(machine, "rm /srv/mark; cut -d' ' -f22 /proc/1/stat") == boot
    launched = cloud.launch(ImageId=image_id)
    cloud.online(launched)
    assert cloud.run(launched, "cat /srv/mark") == "of-the-image"
    cloud.client("ec2").deregister_image(ImageId=image_id)
    assert cloud.run(launched, "cat /srv/mark") == "of-the-image"
    cloud.terminate(launched)

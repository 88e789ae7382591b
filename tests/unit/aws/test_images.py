from ecdeployer.aws import images, tags
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub


def test_an_image_and_its_snapshots_carry_our_tags(aws: AWS, stub: Stub) -> None:
    both = [{"Key": tags.PREFIX, "Value": "p"}, {"Key": "Name", "Value": "golden"}]
    stub("ec2").add_response(
        "create_image",
        {"ImageId": "ami-1"},
        {
            "InstanceId": "i-1",
            "Name": "golden",
            "Description": "made by us",
            "TagSpecifications": [
                {"ResourceType": "image", "Tags": both},
                {"ResourceType": "snapshot", "Tags": both},
            ],
        },
    )
    made = images.create_image(aws, "i-1", name="golden", description="made by us", tag={tags.PREFIX: "p"})
    assert made == "ami-1"


def test_the_newest_image_comes_first(aws: AWS, stub: Stub) -> None:
    found = [
        {"ImageId": "ami-old", "State": "available", "CreationDate": "2026-01-01T00:00:00.000Z"},
        {"ImageId": "ami-new", "State": "available", "CreationDate": "2026-02-01T00:00:00.000Z"},
    ]
    stub("ec2").add_response(
        "describe_images",
        {"Images": found},
        {"Owners": ["self"], "Filters": [{"Name": "tag:ecdeployer:prefix", "Values": ["p"]}]},
    )
    assert [image.ami_id for image in images.find_images(aws, tag=(tags.PREFIX, "p"))] == [
        "ami-new",
        "ami-old",
    ]


def test_an_image_that_is_gone(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_client_error("describe_images", "InvalidAMIID.NotFound")
    assert images.image_state(aws, "ami-1") == ""


def test_an_image_in_the_making(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_response("describe_images", {"Images": [{"ImageId": "ami-1", "State": "pending"}]})
    assert images.image_state(aws, "ami-1") == "pending"

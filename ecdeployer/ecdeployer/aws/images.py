"""Machine images (AMIs): EC2's too, beside the machines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import tags
from .errors import AWSError
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef


@dataclass(frozen=True, kw_only=True)
class Image:
    """``state`` is EC2's word: pending, available, failed, and so on. ``created_at`` is ISO 8601."""

    ami_id: str
    state: str
    name: str = ""
    created_at: str = ""
    root_device: str = ""
    state_reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)


def create_image(aws: AWS, ec2_id: str, *, name: str, description: str, tag: Mapping[str, str]) -> str:
    """Keep the disk of a stopped machine; answers the new AMI's id. Its snapshots get the tags too."""
    answer = aws.ask(
        lambda: aws.ec2.create_image(
            InstanceId=ec2_id,
            Name=name,
            Description=description,
            TagSpecifications=tags.specifications({**tag, tags.NAME: name}, "image", "snapshot"),
        )
    )
    return answer["ImageId"]


def find_image(aws: AWS, ami_id: str) -> Image | None:
    """None where EC2 does not know it, or not any more."""
    try:
        answer = aws.ask(lambda: aws.ec2.describe_images(ImageIds=[ami_id]))
    except AWSError as error:
        if error.code in {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"}:
            return None
        raise
    return _image(answer["Images"][0]) if answer["Images"] else None


def image_state(aws: AWS, ami_id: str) -> str:
    """EC2's word for it, or "" where there is none."""
    image = find_image(aws, ami_id)
    return image.state if image else ""


def find_images(aws: AWS, *, tag: tuple[str, str]) -> list[Image]:
    """Those of this account with that tag, the newest first."""
    key, value = tag
    answer = aws.ask(
        lambda: aws.ec2.describe_images(Owners=["self"], Filters=[{"Name": f"tag:{key}", "Values": [value]}])
    )
    images = [_image(image) for image in answer["Images"]]
    return sorted(images, key=lambda image: image.created_at, reverse=True)


def _image(image: "ImageTypeDef") -> Image:
    return Image(
        ami_id=image["ImageId"],
        state=image.get("State", ""),
        name=image.get("Name", ""),
        created_at=image.get("CreationDate", ""),
        root_device=image.get("RootDeviceName", ""),
        state_reason=image.get("StateReason", {}).get("Message", ""),
        tags={tag["Key"]: tag["Value"] for tag in image.get("Tags", [])},
    )

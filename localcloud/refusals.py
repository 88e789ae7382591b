"""What EC2 refuses and moto would take; each message in EC2's form."""

import base64
import binascii
import re
from collections.abc import Iterable

from moto.ec2.exceptions import EC2ClientError

USER_DATA_LIMIT = 16_384
TOKEN_LIMIT = 64
_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_ID = re.compile(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_VERSION = re.compile(r"\$Latest|\$Default|[1-9][0-9]*")


def refuse(code: str, message: str) -> EC2ClientError:
    """EC2's error with that code."""
    return EC2ClientError(code, message)


def check_instance_ids(instance_ids: Iterable[str]) -> None:
    """Ids that could never be an instance's are malformed; unknown ones are moto's to find."""
    for instance_id in instance_ids:
        if not _INSTANCE_ID.fullmatch(instance_id):
            raise refuse("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')


def check_image_id(image_id: str) -> None:
    """Ids that could never be an image's."""
    if not image_id:
        raise refuse("MissingParameter", "The request must contain the parameter ImageId")
    if not _IMAGE_ID.fullmatch(image_id):
        raise refuse("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def check_image_name(name: str, others: dict[str, str]) -> None:
    """A name that is free; `others` holds the ids of images by name."""
    if not _IMAGE_NAME.fullmatch(name):
        raise refuse(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "'(', ')', '.', '-', '/' and '_'",
        )
    if name in others:
        raise refuse("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {others[name]}")


def check_client_token(token: str) -> None:
    """At most 64 characters of ASCII."""
    if len(token) > TOKEN_LIMIT or not token.isascii():
        raise refuse(
            "InvalidParameterValue",
            f"Value ({token}) for parameter clientToken is invalid. "
            f"Client token must be at most {TOKEN_LIMIT} ASCII characters.",
        )


def check_user_data(encoded: str) -> None:
    """Base64 of at most 16 KB."""
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise refuse("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from error
    if size > USER_DATA_LIMIT:
        raise refuse("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")


def check_counts(least: int, most: int, *, free: int) -> None:
    """As many as asked, and no more than the cloud may run."""
    if least < 1 or most < least:
        raise refuse(
            "InvalidParameterValue",
            f"Value ({least}) for parameter minCount is invalid. It must be between 1 and maxCount.",
        )
    if least > free:
        raise refuse(
            "InstanceLimitExceeded",
            f"You have requested more instances ({least}) than your current instance limit of {free} allows.",
        )


def check_template_version(version: str) -> None:
    """A number, $Latest or $Default."""
    if not _VERSION.fullmatch(version):
        raise refuse(
            "InvalidLaunchTemplateVersion.Malformed" if not version.lstrip("-").isdigit() else
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {version} for the launch template.",
        )  # fmt: skip


def check_state(instance_id: str, state: str, *, allowed: Iterable[str], verb: str) -> None:
    """An instance in a state from which it can be stopped, started, rebooted or imaged."""
    if state not in allowed:
        raise refuse(
            "IncorrectInstanceState",
            f"The instance '{instance_id}' is not in a state from which it can be {verb}.",
        )


def check_addressable(instance_id: str, state: str) -> None:
    """An instance that an Elastic IP may lead to."""
    if state == "pending":
        raise refuse(
            "InvalidInstanceID",
            f"The pending instance '{instance_id}' is not in a valid state for this operation.",
        )
    check_state(instance_id, state, allowed=("running", "stopping", "stopped"), verb="addressed")

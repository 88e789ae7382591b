"""Taking away what the portal made outside of the stacks; each part of it may be gone already."""

from collections.abc import Callable
from typing import Any, ParamSpec

from . import inventory
from .aws import AWS, AWSError
from .inventory import SITES_TAG, Inventory
from .terminal import RefusalError, Terminal

Asked = ParamSpec("Asked")

_INTERVAL, _LIMIT = 5, 900
_GONE = {
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
    "InvalidDocument",
    "InvalidGroup.NotFound",
    "InvalidLaunchTemplateId.NotFound",
    "InvalidSnapshot.NotFound",
    "NoSuchEntity",
}


def end_machines(aws: AWS, terminal: Terminal, found: Inventory, *, prefix: str) -> None:
    """Raises RefusalError where one has not ended in a quarter of an hour."""
    ids = [machine.id for machine in found.machines]
    if not ids:
        return
    aws.ask(aws.ec2.terminate_instances, InstanceIds=ids)
    terminal.step(f"ending {len(ids)} machine{'' if len(ids) == 1 else 's'} of sites")
    deadline = terminal.now() + _LIMIT
    while left := inventory.machines(aws, prefix):
        if terminal.now() > deadline:
            names = ", ".join(machine.id for machine in left)
            raise RefusalError(f"Not ended after {_LIMIT // 60} minutes: {names}. Run this again.")
        terminal.sleep(_INTERVAL)


def release_addresses(aws: AWS, terminal: Terminal, *, prefix: str) -> None:
    """Elastic IP addresses of sites."""
    ours: Any = [{"Name": f"tag:{SITES_TAG}", "Values": [prefix]}]
    for found in aws.ask(aws.ec2.describe_addresses, Filters=ours)["Addresses"]:
        aws.ask(aws.ec2.release_address, AllocationId=found["AllocationId"])
        terminal.step(f"address {found.get('PublicIp', found['AllocationId'])} released")


def remove_images(aws: AWS, terminal: Terminal, found: Inventory) -> None:
    for image, snapshots in found.images.items():
        _gone(aws, aws.ec2.deregister_image, ImageId=image)
        for snapshot in snapshots:
            _gone(aws, aws.ec2.delete_snapshot, SnapshotId=snapshot)
        terminal.step(f"golden image {image} removed")


def remove_foundations(aws: AWS, terminal: Terminal, *, prefix: str) -> None:
    """What ``ensure_infrastructure`` made."""
    name = f"{prefix}-instances"
    named: Any = [{"Name": "launch-template-name", "Values": [name]}]
    for found in aws.ask(aws.ec2.describe_launch_templates, Filters=named)["LaunchTemplates"]:
        _gone(aws, aws.ec2.delete_launch_template, LaunchTemplateId=found["LaunchTemplateId"])
    _remove_group(aws, terminal, name)
    _remove_role(aws, f"{prefix}-{aws.region}-instance")
    for document in _documents(aws, prefix):
        _gone(aws, aws.ssm.delete_document, Name=document)


def _documents(aws: AWS, prefix: str) -> list[str]:
    ours: Any = [{"Key": f"tag:{SITES_TAG}", "Values": [prefix]}, {"Key": "Owner", "Values": ["Self"]}]
    pages = aws.pages(aws.ssm.get_paginator("list_documents").paginate, Filters=ours)
    return [found["Name"] for page in pages for found in page["DocumentIdentifiers"]]


def _remove_group(aws: AWS, terminal: Terminal, name: str) -> None:
    """A machine that has just ended lets go of it some seconds later."""
    named: Any = [{"Name": "group-name", "Values": [name]}]
    deadline = terminal.now() + _LIMIT
    while groups := aws.ask(aws.ec2.describe_security_groups, Filters=named)["SecurityGroups"]:
        if terminal.now() > deadline:
            raise RefusalError(
                f"The security group {name} is still in use. Find by what, then run this again."
            )
        if not all(_let_go(aws, group["GroupId"]) for group in groups):
            terminal.sleep(_INTERVAL)


def _let_go(aws: AWS, group_id: str) -> bool:
    try:
        _gone(aws, aws.ec2.delete_security_group, GroupId=group_id)
    except AWSError as error:
        if error.code != "DependencyViolation":
            raise
        return False
    return True


def _remove_role(aws: AWS, name: str) -> None:
    """With its inline policies, and the instance profile of the same name."""
    _gone(aws, aws.iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=name)
    _gone(aws, aws.iam.delete_instance_profile, InstanceProfileName=name)
    for policy in _policies(aws, name):
        _gone(aws, aws.iam.delete_role_policy, RoleName=name, PolicyName=policy)
    _gone(aws, aws.iam.delete_role, RoleName=name)


def _policies(aws: AWS, role: str) -> list[str]:
    try:
        return aws.ask(aws.iam.list_role_policies, RoleName=role)["PolicyNames"]
    except AWSError as error:
        if error.code not in _GONE:
            raise
        return []


def _gone(aws: AWS, removal: Callable[Asked, object], *args: Asked.args, **arguments: Asked.kwargs) -> None:
    """What is not there is gone."""
    try:
        aws.ask(removal, *args, **arguments)
    except AWSError as error:
        if error.code not in _GONE:
            raise

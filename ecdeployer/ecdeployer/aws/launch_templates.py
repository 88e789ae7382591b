"""Launch templates, whose versions are named by number: a number never changes what it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import tags
from .errors import AWSError
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import LaunchTemplateVersionTypeDef


@dataclass(frozen=True)
class LaunchTemplate:
    """One version of a template; ``description`` is the version's own."""

    id: str
    version: str
    description: str = ""
    security_group_ids: list[str] = field(default_factory=list)


def find_default(aws: AWS, name: str) -> LaunchTemplate | None:
    """The version that is the default one now."""
    versions = _versions(aws, name, Versions=["$Default"])
    return versions[0] if versions else None


def find_described(aws: AWS, name: str, description: str) -> LaunchTemplate | None:
    """The newest version with that description, default or not."""
    found = [version for version in _versions(aws, name) if version.description == description]
    return max(found, key=lambda version: int(version.version), default=None)


def create(
    aws: AWS, name: str, *, data: Mapping[str, Any], description: str, tag: Mapping[str, str]
) -> LaunchTemplate:
    answer = aws.ask(
        lambda: aws.ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData=data,  # type: ignore[arg-type]
            VersionDescription=description,
            TagSpecifications=tags.specifications(tag, "launch-template"),
        )
    )
    template = answer["LaunchTemplate"]
    return LaunchTemplate(template["LaunchTemplateId"], str(template["DefaultVersionNumber"]), description)


def create_version(
    aws: AWS, template_id: str, *, data: Mapping[str, Any], description: str
) -> LaunchTemplate:
    """The default version stays what it was."""
    answer = aws.ask(
        lambda: aws.ec2.create_launch_template_version(
            LaunchTemplateId=template_id,
            LaunchTemplateData=data,  # type: ignore[arg-type]
            VersionDescription=description,
        )
    )
    return LaunchTemplate(template_id, str(answer["LaunchTemplateVersion"]["VersionNumber"]), description)


def make_default(aws: AWS, template: LaunchTemplate) -> None:
    aws.ask(
        lambda: aws.ec2.modify_launch_template(LaunchTemplateId=template.id, DefaultVersion=template.version)
    )


def _versions(aws: AWS, name: str, **arguments: Any) -> list[LaunchTemplate]:
    try:
        pages = aws.ask(
            lambda: list(
                aws.ec2.get_paginator("describe_launch_template_versions").paginate(
                    LaunchTemplateName=name, **arguments
                )
            )
        )
    except AWSError as error:
        if error.code == "InvalidLaunchTemplateName.NotFoundException":
            return []
        raise
    return [_version(version) for page in pages for version in page["LaunchTemplateVersions"]]


def _version(version: "LaunchTemplateVersionTypeDef") -> LaunchTemplate:
    return LaunchTemplate(
        id=version["LaunchTemplateId"],
        version=str(version["VersionNumber"]),
        description=version.get("VersionDescription", ""),
        security_group_ids=list(version["LaunchTemplateData"].get("SecurityGroupIds", [])),
    )

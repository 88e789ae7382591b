"""What the AWS account holds before the first instance; an operator's command makes it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from ..aws import documents, iam, images, launch_templates, security_groups, ssm, sts, tags
from ..aws.errors import AWSError
from ..aws.session import AWS
from ..cloud_init.documents import version_name
from . import run_documents
from .connection import InfrastructureMissingError
from .policies import Scope, instance_policy, instance_trust
from .prices import VOLUME_SIZE

_POLICY_NAME = "instance"


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """What a launch names."""

    launch_template_id: str
    launch_template_version: str
    security_group_id: str


@dataclass(frozen=True)
class Line:
    """One resource, and what was done about it."""

    resource: str
    name: str
    outcome: Literal["found", "made", "changed"]
    detail: str = ""


def resource_name() -> str:
    """Of the launch template and of the security group."""
    return f"{settings.RESOURCE_PREFIX}-instances"


def find(aws: AWS) -> Infrastructure:
    """One DescribeLaunchTemplateVersions call; raises InfrastructureMissingError."""
    name = resource_name()
    template = launch_templates.find_default(aws, name)
    if template is None or not template.security_group_ids:
        raise InfrastructureMissingError(f"launch template {name}")
    return Infrastructure(
        launch_template_id=template.id,
        launch_template_version=template.version,
        security_group_id=template.security_group_ids[0],
    )


def scope_of(aws: AWS) -> Scope:
    return Scope(
        partition=aws.partition,
        region=aws.region,
        account=sts.account(aws),
        prefix=settings.RESOURCE_PREFIX,
    )


def ensure(aws: AWS) -> Iterator[Line]:
    """Make what is missing, change what differs, and say so line by line; a second run finds all of it.

    Nothing is removed but openings of the security group that are not the web's, and of a document's versions
    the oldest where AWS takes no more.
    """
    scope = scope_of(aws)
    group_id, line = _ensure_group(aws, scope)
    yield line
    yield _ensure_openings(aws, group_id)
    yield _ensure_role(aws, scope)
    yield _ensure_role_policy(aws, scope)
    yield _ensure_profile(aws, scope)
    yield _ensure_template(aws, scope, group_id)
    for name, content in run_documents.own_contents().items():
        yield _ensure_document(aws, scope, name, content)


def launch_template_data(scope: Scope, *, group_id: str, root_device: str) -> dict[str, Any]:
    """The image, the type, the subnet and the user data are each launch's own.

    The hop limit of 1 keeps the metadata service to the machine itself: a container or a proxy on it
    cannot fetch the role's credentials.
    """
    disk = {
        "VolumeType": "gp3",
        "VolumeSize": VOLUME_SIZE,
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    return {
        "SecurityGroupIds": [group_id],
        "IamInstanceProfile": {"Name": scope.role_name},
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "disabled",
        },
        "BlockDeviceMappings": [{"DeviceName": root_device, "Ebs": disk}],
        "TagSpecifications": tags.specifications(scope.our_tag, "instance", "volume"),
    }


def _ensure_group(aws: AWS, scope: Scope) -> tuple[str, Line]:
    name = resource_name()
    vpc_id = security_groups.default_vpc(aws)
    if not vpc_id:
        raise AWSError(
            code="NoDefaultVPC",
            message=f"No default VPC in {aws.region}: run "
            f"`aws ec2 create-default-vpc --region {aws.region}` first",
        )
    group_id = security_groups.find_group(aws, name, vpc_id=vpc_id)
    if group_id:
        return group_id, Line("security group", name, "found", group_id)
    group_id = security_groups.create_group(
        aws,
        name,
        vpc_id=vpc_id,
        description="Sites that EC Django Deployer runs: HTTP and HTTPS in",
        tag=scope.our_tag,
    )
    return group_id, Line("security group", name, "made", group_id)


def _ensure_openings(aws: AWS, group_id: str) -> Line:
    wanted = security_groups.web_openings()
    present = security_groups.openings(aws, group_id)
    missing = sorted(wanted - set(present.values()), key=lambda opening: (opening.first_port, opening.source))
    others = {rule: opening for rule, opening in present.items() if opening not in wanted}
    if missing:
        security_groups.open_ports(aws, group_id, missing)
    if others:
        security_groups.close_ports(aws, group_id, list(others))
    if not missing and not others:
        return Line("ports", "80, 443", "found")
    closed = ", ".join(f"{opening.first_port} from {opening.source}" for opening in others.values())
    return Line("ports", "80, 443", "changed" if present else "made", closed and f"closed {closed}")


def _ensure_role(aws: AWS, scope: Scope) -> Line:
    name, trust = scope.role_name, instance_trust(scope)
    role = iam.find_role(aws, name)
    if role is None:
        description = "Instances that EC Django Deployer launches"
        made = iam.create_role(aws, name, trust=trust, description=description, tag=scope.our_tag)
        return Line("role", name, "made", made.arn)
    if role.trust == trust:
        return Line("role", name, "found", role.arn)
    iam.put_trust(aws, name, trust)
    return Line("role", name, "changed", "who may assume it")


def _ensure_role_policy(aws: AWS, scope: Scope) -> Line:
    namespace = settings.CLOUDWATCH_NAMESPACE if settings.CLOUDWATCH_AGENT else ""
    wanted = instance_policy(scope, namespace=namespace)
    present = iam.role_policy(aws, scope.role_name, _POLICY_NAME)
    if present == wanted:
        return Line("role policy", _POLICY_NAME, "found")
    iam.put_role_policy(aws, scope.role_name, _POLICY_NAME, wanted)
    return Line("role policy", _POLICY_NAME, "made" if present is None else "changed")


def _ensure_profile(aws: AWS, scope: Scope) -> Line:
    name = scope.role_name
    roles = iam.profile_roles(aws, name)
    if roles == [name]:
        return Line("instance profile", name, "found")
    if roles is None:
        iam.create_profile(aws, name, tag=scope.our_tag)
    for role in roles or []:
        iam.remove_role_from_profile(aws, name, role)
    iam.add_role_to_profile(aws, name, name)
    return Line("instance profile", name, "made" if roles is None else "changed")


def _ensure_template(aws: AWS, scope: Scope, group_id: str) -> Line:
    """A version's description carries a digest of its data: AWS hands data back in forms of its own."""
    name = resource_name()
    data = launch_template_data(scope, group_id=group_id, root_device=_root_device(aws))
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    description = f"ecdeployer {digest[:32]}"
    present = launch_templates.find_default(aws, name)
    if present is None:
        made = launch_templates.create(aws, name, data=data, description=description, tag=scope.our_tag)
        return Line("launch template", name, "made", f"{made.id} version {made.version}")
    if present.description == description:
        return Line("launch template", name, "found", f"{present.id} version {present.version}")
    version = launch_templates.find_described(aws, name, description) or launch_templates.create_version(
        aws, present.id, data=data, description=description
    )
    launch_templates.make_default(aws, version)
    return Line(
        "launch template", name, "changed", f"{version.id} version {present.version} -> {version.version}"
    )


def _root_device(aws: AWS) -> str:
    """The volume of the template replaces the image's own only under the same device name."""
    ami_id = ssm.public_parameter(aws, settings.BASE_AMI_PARAMETER)
    image = images.find_image(aws, ami_id)
    if image is None:
        raise AWSError(
            code="BaseImageMissing",
            message=f"{settings.BASE_AMI_PARAMETER} names {ami_id}, which is not in {aws.region}",
        )
    return image.root_device


def _ensure_document(aws: AWS, scope: Scope, name: str, content: dict[str, Any]) -> Line:
    """Portals name their own version: the default one only tells which portal was the last to be set up."""
    own = version_name(content)
    present = documents.find(aws, name, version_name=own)
    if present is not None and present.is_default:
        return Line("document", name, "found", f"version {present.version}")
    before = documents.find(aws, name)
    if before is None:
        made = documents.create(aws, name, content=content, version_name=own, tag=scope.our_tag)
        return Line("document", name, "made", f"version {made}")
    version = present.version if present else documents.add(aws, name, content=content, version_name=own)
    documents.make_default(aws, name, version)
    return Line("document", name, "changed", f"version {before.version} -> {version}")

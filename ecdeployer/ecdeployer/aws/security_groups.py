"""Security groups of the default VPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import tags
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionTypeDef, SecurityGroupRuleTypeDef


@dataclass(frozen=True)
class Opening:
    """TCP ports from one address range; ``source`` is a CIDR, or whatever else AWS admits from."""

    protocol: str
    first_port: int
    last_port: int
    source: str


def web_openings() -> frozenset[Opening]:
    """80 and 443 from everywhere, and nothing else."""
    return frozenset(
        Opening("tcp", port, port, source) for port in (80, 443) for source in ("0.0.0.0/0", "::/0")
    )


def default_vpc(aws: AWS) -> str:
    """Its id, or "" where the account has none in this region."""
    answer = aws.ask(lambda: aws.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}]))
    return answer["Vpcs"][0]["VpcId"] if answer["Vpcs"] else ""


def find_group(aws: AWS, name: str, *, vpc_id: str) -> str:
    """Its id, or ""."""
    answer = aws.ask(
        lambda: aws.ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc_id]}]
        )
    )
    return answer["SecurityGroups"][0]["GroupId"] if answer["SecurityGroups"] else ""


def create_group(aws: AWS, name: str, *, vpc_id: str, description: str, tag: Mapping[str, str]) -> str:
    answer = aws.ask(
        lambda: aws.ec2.create_security_group(
            GroupName=name,
            VpcId=vpc_id,
            Description=description,
            TagSpecifications=tags.specifications(tag, "security-group"),
        )
    )
    return answer["GroupId"]


def openings(aws: AWS, group_id: str) -> dict[str, Opening]:
    """What the group lets in, by the id of the rule."""
    answer = aws.ask(
        lambda: list(
            aws.ec2.get_paginator("describe_security_group_rules").paginate(
                Filters=[{"Name": "group-id", "Values": [group_id]}]
            )
        )
    )
    rules = [rule for page in answer for rule in page["SecurityGroupRules"] if not rule.get("IsEgress")]
    return {rule["SecurityGroupRuleId"]: _opening(rule) for rule in rules}


def open_ports(aws: AWS, group_id: str, wanted: Sequence[Opening]) -> None:
    permissions = [_permission(opening) for opening in wanted]
    aws.ask(lambda: aws.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions))


def close_ports(aws: AWS, group_id: str, rule_ids: Sequence[str]) -> None:
    aws.ask(
        lambda: aws.ec2.revoke_security_group_ingress(GroupId=group_id, SecurityGroupRuleIds=list(rule_ids))
    )


def _opening(rule: "SecurityGroupRuleTypeDef") -> Opening:
    source = (
        rule.get("CidrIpv4")
        or rule.get("CidrIpv6")
        or rule.get("PrefixListId")
        or rule.get("ReferencedGroupInfo", {}).get("GroupId", "")
    )
    return Opening(rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1), source)


def _permission(opening: Opening) -> "IpPermissionTypeDef":
    permission: IpPermissionTypeDef = {
        "IpProtocol": opening.protocol,
        "FromPort": opening.first_port,
        "ToPort": opening.last_port,
    }
    if ":" in opening.source:
        permission["Ipv6Ranges"] = [{"CidrIpv6": opening.source}]
    else:
        permission["IpRanges"] = [{"CidrIp": opening.source}]
    return permission

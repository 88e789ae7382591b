"""The role that instances have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import tags
from .errors import AWSError
from .session import AWS

Policy = dict[str, Any]


@dataclass(frozen=True)
class Role:
    name: str
    arn: str
    trust: Policy


def find_role(aws: AWS, name: str) -> Role | None:
    try:
        role = aws.ask(lambda: aws.iam.get_role(RoleName=name))["Role"]
    except AWSError as error:
        if error.kind == "not-found":
            return None
        raise
    return Role(role["RoleName"], role["Arn"], _document(role.get("AssumeRolePolicyDocument", {})))


def create_role(aws: AWS, name: str, *, trust: Policy, description: str, tag: Mapping[str, str]) -> Role:
    answer = aws.ask(
        lambda: aws.iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust),
            Description=description,
            Tags=tags.to_list(tag),
        )
    )
    return Role(name, answer["Role"]["Arn"], trust)


def put_trust(aws: AWS, role: str, trust: Policy) -> None:
    aws.ask(lambda: aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust)))


def role_policy(aws: AWS, role: str, name: str) -> Policy | None:
    """An inline policy of a role."""
    try:
        answer = aws.ask(lambda: aws.iam.get_role_policy(RoleName=role, PolicyName=name))
    except AWSError as error:
        if error.kind == "not-found":
            return None
        raise
    return _document(answer["PolicyDocument"])


def put_role_policy(aws: AWS, role: str, name: str, policy: Policy) -> None:
    aws.ask(
        lambda: aws.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    )


def profile_roles(aws: AWS, name: str) -> list[str] | None:
    """The names of the roles in an instance profile (one at most), None where there is no such profile."""
    try:
        answer = aws.ask(lambda: aws.iam.get_instance_profile(InstanceProfileName=name))
    except AWSError as error:
        if error.kind == "not-found":
            return None
        raise
    return [role["RoleName"] for role in answer["InstanceProfile"]["Roles"]]


def create_profile(aws: AWS, name: str, *, tag: Mapping[str, str]) -> None:
    aws.ask(lambda: aws.iam.create_instance_profile(InstanceProfileName=name, Tags=tags.to_list(tag)))


def add_role_to_profile(aws: AWS, profile: str, role: str) -> None:
    aws.ask(lambda: aws.iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role))


def remove_role_from_profile(aws: AWS, profile: str, role: str) -> None:
    aws.ask(lambda: aws.iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role))


def _document(policy: Any) -> Policy:
    """botocore decodes a policy into an object where AWS encoded it well, and leaves text where not."""
    return dict(json.loads(policy)) if isinstance(policy, str) else dict(policy)

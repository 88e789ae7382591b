"""The portal's policies as a CloudFormation template: the account's stacks give what the code asks for."""

import json
from typing import Any

from .policies import Policy, Scope, builder_policy, portal_policy

#: In CloudFormation's words. The namespace of the portal's own figures is its prefix.
_SCOPE = Scope(
    partition="${AWS::Partition}", region="${AWS::Region}", account="${AWS::AccountId}", prefix="${Prefix}"
)
_HEAD = "# Written by manage.py policy_template from instances/policies.py: do not edit.\n"


def render() -> str:
    """JSON, which YAML includes."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "EC Django Deployer: what the portal may do in this account.",
        "Parameters": {
            "Prefix": {"Type": "String", "Description": "Begins every name of the portal in this account."}
        },
        "Resources": {
            "Policy": _managed(
                "What EC Django Deployer's portal may do", portal_policy(_SCOPE, namespace=_SCOPE.prefix)
            ),
            "BuilderPolicy": _managed(
                "What making EC Django Deployer's golden images needs", builder_policy(_SCOPE)
            ),
        },
        "Outputs": {
            "Policy": {"Description": "The portal's policy.", "Value": {"Ref": "Policy"}},
            "BuilderPolicy": {
                "Description": "What making golden images needs.",
                "Value": {"Ref": "BuilderPolicy"},
            },
        },
    }
    return _HEAD + json.dumps(template, indent=2) + "\n"


def _managed(description: str, policy: Policy) -> dict[str, Any]:
    properties = {"Description": description, "PolicyDocument": _filled_in(policy)}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}


def _filled_in(part: Any) -> Any:
    """Every text that names something of the account's, as a function that CloudFormation fills in."""
    if isinstance(part, dict):
        return {key: _filled_in(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled_in(value) for value in part]
    return {"Fn::Sub": part} if isinstance(part, str) and "${" in part else part

"""The account's roles as its templates have them, for a portal that is called as in ``requests``."""

from typing import Any

from tests.iam.requests import BUILDER, PORTAL, SCOPE
from tests.iam.s3 import BUCKET
from tests.stack_templates import find, resolved, statements

ARTIFACTS, STATIC = "sites-artifacts", "sites-static"
REPOSITORY = "owner/portal"
PORTAL_ROLE = f"arn:aws:iam::{SCOPE.account}:role/sites-Roles-PortalRole-0"
CONNECTION = SCOPE.arn("codeconnections", "connection/0f0f0f0f-0000-4000-8000-000000000002")
#: Those that were made before July 2024 have ARNs of another service.
OLDER = CONNECTION.replace(":codeconnections:", ":codestar-connections:")
VALUES = {
    "AWS::Partition": SCOPE.partition,
    "AWS::Region": SCOPE.region,
    "AWS::AccountId": SCOPE.account,
    "Prefix": SCOPE.prefix,
    "PortalRole.Arn": PORTAL_ROLE,
    "Bucket": ARTIFACTS,
    "BackupBucket": BUCKET,
    "StaticBucket": STATIC,
    "Repository": REPOSITORY,
}
#: What is generated, by the parameter that hands it to roles.yaml.
MANAGED = {"PortalPolicy": PORTAL, "BuilderPolicy": BUILDER}


def own_statements(role: str) -> list[dict[str, Any]]:
    """What roles.yaml itself gives it, with a connection of either kind."""
    found: list[dict[str, Any]] = []
    for connection in (CONNECTION, OLDER):
        own = resolved(statements(find("roles", role)), VALUES | {"ConnectionArn": connection})
        found += [each for each in own if each not in found]
    return found


def policy_of(role: str) -> dict[str, Any]:
    """All that it may do, with what is attached to it."""
    attached = [each["Ref"] for each in find("roles", role).properties.get("ManagedPolicyArns", [])]
    managed = [statement for name in attached for statement in MANAGED[name]["Statement"]]
    statements = [*managed, *own_statements(role)]
    return {"Version": "2012-10-17", "Statement": statements}

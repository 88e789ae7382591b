"""What AWS asks its policies for a call: an action on a resource, with what is known of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecdeployer.aws import tags
from ecdeployer.instances import infrastructure
from ecdeployer.instances.policies import Scope, builder_policy, instance_policy, portal_policy

Parameters = Mapping[str, Any]
Context = dict[str, str | list[str]]

SCOPE = Scope(partition="aws", region="eu-west-1", account="123456789012", prefix="sites")
NAMESPACE = "sites/figures"
BASE = "/aws/service/debian/release/12/latest/amd64"
PORTAL = portal_policy(SCOPE, namespace=NAMESPACE)
BUILDER = builder_policy(SCOPE)
INSTANCE = instance_policy(SCOPE, namespace=NAMESPACE)
APPLICATION = "0f0f0f0f-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Request:
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class World:
    """What a call meets, beside its own parameters.

    ``held``: tags of the machines, addresses, templates or parameters that it names. That those of the portal
    carry our tag follows from the launch, which the policy lets through with that tag alone.
    """

    scope: Scope = SCOPE
    region: str = SCOPE.region
    held: Mapping[str, str] = field(default_factory=lambda: {tags.PREFIX: SCOPE.prefix})

    def arn(self, service: str, resource: str, *, account: str = SCOPE.account) -> str:
        return f"arn:aws:{service}:{self.region}:{account}:{resource}"

    def template(self) -> Mapping[str, Any]:
        return infrastructure.launch_template_data(self.scope, group_id="sg-1", root_device="/dev/xvda")

    def named(self, text: str) -> str:
        """A recorded text, with names of this world."""
        words = {"PREFIX": self.scope.prefix, "APPLICATION": APPLICATION, "PART": "0", "BASE": BASE}
        for word, name in (words | {"NAMESPACE": NAMESPACE}).items():
            text = text.replace(word, name)
        return text

    def holding(self, key: str) -> Context:
        """The tags that are held, under a service's own key and under AWS's common one."""
        own: Context = {f"{key}/{name}": value for name, value in self.held.items()}
        return own | {f"aws:ResourceTag/{name}": value for name, value in self.held.items()}

    def asking(self, given: Mapping[str, str]) -> Context:
        """The tags that a request brings."""
        context: Context = {f"aws:RequestTag/{name}": self.named(value) for name, value in given.items()}
        return context | {"aws:TagKeys": list(given)} if given else context

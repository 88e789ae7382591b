"""IAM policies, as data: what an instance may do, and what the portal needs."""

from dataclasses import dataclass
from typing import Any, get_args

from ..aws import tags
from .run_documents import Kind

Policy = dict[str, Any]
Statement = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The account and region that a policy speaks of, and the prefix of everything that is ours in it."""

    partition: str
    region: str
    account: str
    prefix: str

    @property
    def role_name(self) -> str:
        """IAM knows no regions: the name carries it, so that a portal in each does not share the role."""
        return f"{self.prefix}-{self.region}-instance"

    def arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{self.region}:{owner}:{resource}"

    @property
    def environments(self) -> str:
        """The parameters that hold the applications' environments."""
        return self.arn("ssm", f"parameter/{self.prefix}/*/environment/*")

    @property
    def deploy_keys(self) -> str:
        """The parameters that hold the private halves of the applications' deploy keys."""
        return self.arn("ssm", f"parameter/{self.prefix}/*/deploy-key")

    @property
    def documents(self) -> list[str]:
        """By name: another portal's prefix may begin with this one's."""
        return [self.arn("ssm", f"document/{self.prefix}-{kind}") for kind in get_args(Kind)]

    @property
    def our_tag(self) -> dict[str, str]:
        return {tags.PREFIX: self.prefix}


def instance_trust(scope: Scope) -> Policy:
    service = "ec2.amazonaws.com.cn" if scope.partition == "aws-cn" else "ec2.amazonaws.com"
    return _policy(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}},
    )


def instance_policy(scope: Scope, *, namespace: str = "") -> Policy:
    """One role for all instances, and yet each reads its own application's secrets alone.

    The agent's actions are those of Run Command; they take no resource. Of the managed policy for the agent
    it leaves out reading every parameter and document of the account. A new machine takes its scripts from
    our deploy document. ``namespace``: of CloudWatch, where the machine's agent puts figures.
    """
    agent = [
        "ssm:UpdateInstanceInformation",
        "ssm:ListAssociations",
        "ssm:ListInstanceAssociations",
        *(f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")),
        *(
            f"ec2messages:{action}"
            for action in (
                "AcknowledgeMessage",
                "DeleteMessage",
                "FailMessage",
                "GetEndpoint",
                "GetMessages",
                "SendReply",
            )
        ),
    ]
    statements = [
        _allow("RunCommandAgent", agent, "*"),
        _allow("OwnScripts", ["ssm:GetDocument"], scope.arn("ssm", f"document/{scope.prefix}-deploy")),
        _allow(
            "OwnSecrets",
            ["ssm:GetParameter"],
            [scope.environments, scope.deploy_keys],
            {"StringEquals": {f"ssm:resourceTag/{tags.INSTANCE}": "${ec2:SourceInstanceARN}"}},
        ),
        *_figures(namespace),
    ]
    return _policy(*statements)


def portal_policy(scope: Scope, *, namespace: str = "") -> Policy:
    """What the portal's own role or user needs, ``ensure_infrastructure`` apart (see docs/operating.md).

    ``namespace``: of CloudWatch, where figures go there.
    """
    own = [
        *_launching(scope, scope.our_tag),
        *_owning(scope),
        *_parameters(scope),
        *_commanding(scope),
    ]
    return _policy(*own, *_figures(namespace))


def builder_policy(scope: Scope) -> Policy:
    """What ``build_golden_image`` needs: a machine of its own, which belongs to no site, and its image."""
    builders = {tags.BUILDER: scope.prefix}
    machines = [scope.arn("ec2", f"{kind}/*") for kind in ("instance", "volume")]
    verbs = ["ec2:TerminateInstances", "ec2:StopInstances", "ec2:GetConsoleOutput", "ec2:CreateImage"]
    return _policy(
        *_launching(scope, scope.our_tag | builders),
        _looking("Images", "Instances", "LaunchTemplateVersions", "Subnets"),
        _explaining(),
        _tagging(scope, machines, ["RunInstances", "CreateImage"]),
        _allow("OwnBuilders", verbs, scope.arn("ec2", "instance/*"), _held(builders)),
        _imaging(scope),
        _published_images(scope),
    )


def _figures(namespace: str) -> list[Statement]:
    only = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return [_allow("Figures", ["cloudwatch:PutMetricData"], "*", only)] if namespace else []


def _held(own: dict[str, str]) -> Policy:
    """By what carries these tags."""
    return {"StringEquals": {f"ec2:ResourceTag/{key}": value for key, value in own.items()}}


def _given(own: dict[str, str]) -> dict[str, str]:
    """With these tags in the request."""
    return {f"aws:RequestTag/{key}": value for key, value in own.items()}


def _launching(scope: Scope, own: dict[str, str]) -> list[Statement]:
    """A launch is allowed when every resource of it is: by our template alone, with these tags alone."""
    through_template = {"ArnLike": {"ec2:LaunchTemplate": scope.arn("ec2", "launch-template/*")}}
    from_template = {**through_template, "Bool": {"ec2:IsLaunchTemplateResource": "true"}}
    tagged = _given(own)
    run = ["ec2:RunInstances"]

    def on(resource: str) -> str:
        return scope.arn("ec2", f"{resource}/*")

    images = scope.arn("ec2", "image/*", account="")
    return [
        _allow("LaunchTemplate", run, on("launch-template"), _held(scope.our_tag)),
        _allow(
            "LaunchInstance",
            run,
            on("instance"),
            {**through_template, "StringEquals": {**tagged, "ec2:MetadataHttpTokens": "required"}},
        ),
        _allow("LaunchVolume", run, on("volume"), {**through_template, "StringEquals": tagged}),
        _allow("LaunchWithinTemplate", run, on("security-group"), from_template),
        _allow("LaunchWith", run, [on("subnet"), on("network-interface"), images], through_template),
        _allow(
            "PassInstanceRole",
            ["iam:PassRole"],
            f"arn:{scope.partition}:iam::{scope.account}:role/{scope.role_name}",
            {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
        ),
    ]


def _images(scope: Scope) -> list[str]:
    return [scope.arn("ec2", f"{kind}/*", account="") for kind in ("image", "snapshot")]


def _looking(*kinds: str) -> Statement:
    return _allow("Look", [f"ec2:Describe{kind}" for kind in kinds], "*")


def _explaining() -> Statement:
    return _allow("Explain", ["sts:DecodeAuthorizationMessage"], "*")


def _tagging(scope: Scope, resources: list[str], makers: list[str]) -> Statement:
    """Of what these calls make, images among it."""
    condition = {"StringEquals": {**_given(scope.our_tag), "ec2:CreateAction": makers}}
    return _allow("TagWhatIsMade", ["ec2:CreateTags"], [*resources, *_images(scope)], condition)


def _imaging(scope: Scope) -> Statement:
    return _allow("KeepImage", ["ec2:CreateImage"], _images(scope), {"StringEquals": _given(scope.our_tag)})


def _published_images(scope: Scope) -> Statement:
    names = scope.arn("ssm", "parameter/aws/service/*", account="")
    return _allow("PublishedImages", ["ssm:GetParameter"], names)


def _owning(scope: Scope) -> list[Statement]:
    ours, tagged = _held(scope.our_tag), _given(scope.our_tag)
    machines = [scope.arn("ec2", f"{kind}/*") for kind in ("instance", "volume")]
    addresses = scope.arn("ec2", "elastic-ip/*")
    look = (
        "Instances",
        "InstanceStatus",
        "Volumes",
        "Images",
        "Subnets",
        "LaunchTemplateVersions",
        "Addresses",
    )
    return [
        _looking(*look),
        _explaining(),
        _tagging(scope, [*machines, addresses], ["RunInstances", "CreateImage", "AllocateAddress"]),
        _allow(
            "OwnMachines",
            [f"ec2:{verb}Instances" for verb in ("Terminate", "Stop", "Start", "Reboot")]
            + ["ec2:ModifyInstanceAttribute", "ec2:GetConsoleOutput", "ec2:CreateImage"],
            scope.arn("ec2", "instance/*"),
            ours,
        ),
        _allow("NewAddress", ["ec2:AllocateAddress"], addresses, {"StringEquals": tagged}),
        _allow("OwnAddresses", ["ec2:AssociateAddress", "ec2:ReleaseAddress"], addresses, ours),
        _allow("LeadToOwnMachines", ["ec2:AssociateAddress"], scope.arn("ec2", "instance/*"), ours),
        _imaging(scope),
    ]


def _parameters(scope: Scope) -> list[Statement]:
    portal = scope.arn("ssm", f"parameter/{scope.prefix}/portal")
    return [
        _allow(
            "Secrets",
            ["ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameters"],
            [scope.environments, scope.deploy_keys],
        ),
        _allow("DeployKeys", ["ssm:GetParameter"], scope.deploy_keys),
        _allow("OwnSettings", ["ssm:GetParametersByPath"], [portal, f"{portal}/*"]),
        _published_images(scope),
    ]


def _commanding(scope: Scope) -> list[Statement]:
    ours = {f"ssm:resourceTag/{key}": value for key, value in scope.our_tag.items()}
    look = [
        "ssm:ListCommands",
        "ssm:ListCommandInvocations",
        "ssm:GetCommandInvocation",
        "ssm:DescribeInstanceInformation",
    ]
    return [
        _allow(
            "OwnDocuments",
            ["ssm:SendCommand", "ssm:DescribeDocument"],
            scope.documents,
        ),
        _allow(
            "OnOwnMachines",
            ["ssm:SendCommand"],
            scope.arn("ec2", "instance/*"),
            {"StringEquals": ours},
        ),
        _allow("Results", look, "*"),
    ]


def _allow(
    name: str, actions: list[str], resources: str | list[str], condition: Policy | None = None
) -> Statement:
    statement: Statement = {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def _policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}

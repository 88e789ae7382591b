"""IAM policies, as data: what an instance may do, and what the portal needs."""

from dataclasses import dataclass
from typing import Any

from ..aws import tags

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
    own = [*_launching(scope), *_owning(scope), *_parameters(scope), *_commanding(scope)]
    return _policy(*own, *_figures(namespace))


def _figures(namespace: str) -> list[Statement]:
    only = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return [_allow("Figures", ["cloudwatch:PutMetricData"], "*", only)] if namespace else []


def _launching(scope: Scope) -> list[Statement]:
    """A launch is allowed when every resource of it is: so only by our template, and only with our tag."""
    through_template = {"ArnLike": {"ec2:LaunchTemplate": scope.arn("ec2", "launch-template/*")}}
    from_template = {**through_template, "Bool": {"ec2:IsLaunchTemplateResource": "true"}}
    tagged = {f"aws:RequestTag/{key}": value for key, value in scope.our_tag.items()}
    ours = {f"ec2:ResourceTag/{key}": value for key, value in scope.our_tag.items()}
    run = ["ec2:RunInstances"]

    def on(resource: str) -> str:
        return scope.arn("ec2", f"{resource}/*")

    images = scope.arn("ec2", "image/*", account="")
    return [
        _allow("LaunchTemplate", run, on("launch-template"), {"StringEquals": ours}),
        _allow(
            "LaunchInstance",
            run,
            on("instance"),
            {**through_template, "StringEquals": {**tagged, "ec2:MetadataHttpTokens": "required"}},
        ),
        _allow("LaunchVolume", run, on("volume"), {**through_template, "StringEquals": tagged}),
        _allow("LaunchWithinTemplate", run, on("security-group"), from_template),
        _allow("LaunchInNetwork", run, [on("subnet"), on("network-interface")], through_template),
        _allow("LaunchFromImage", run, images, through_template),
        _allow(
            "PassInstanceRole",
            ["iam:PassRole"],
            f"arn:{scope.partition}:iam::{scope.account}:role/{scope.role_name}",
            {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
        ),
    ]


def _owning(scope: Scope) -> list[Statement]:
    ours = {"StringEquals": {f"ec2:ResourceTag/{key}": value for key, value in scope.our_tag.items()}}
    tagged = {f"aws:RequestTag/{key}": value for key, value in scope.our_tag.items()}
    images = [scope.arn("ec2", f"{kind}/*", account="") for kind in ("image", "snapshot")]
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
        _allow("Look", [f"ec2:Describe{kind}" for kind in look], "*"),
        _allow("Explain", ["sts:DecodeAuthorizationMessage"], "*"),
        _allow(
            "TagWhatIsMade",
            ["ec2:CreateTags"],
            [*machines, *images, addresses],
            {
                "StringEquals": {
                    **tagged,
                    "ec2:CreateAction": ["RunInstances", "CreateImage", "AllocateAddress"],
                }
            },
        ),
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
        _allow("KeepImage", ["ec2:CreateImage"], images, {"StringEquals": tagged}),
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
        _allow(
            "PublishedImages",
            ["ssm:GetParameter"],
            scope.arn("ssm", "parameter/aws/service/*", account=""),
        ),
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
            scope.arn("ssm", f"document/{scope.prefix}-*"),
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

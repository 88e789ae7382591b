"""The roles of the account's stack, judged by an evaluator that is not ours.

What the stages' services ask of AWS by them is in AWS's documentation alone: the list here follows it, each
with its page. What the account's stage asks is recorded, as the portal's calls are.
"""

import copy
import fnmatch
from typing import Any

import pytest

from tests.iam import judging, recording
from tests.iam.account import (
    ARTIFACTS,
    CONNECTION,
    OLDER,
    PORTAL_ROLE,
    REPOSITORY,
    STATIC,
    own_statements,
    policy_of,
)
from tests.iam.judging import Evaluator
from tests.iam.requests import SCOPE, Context, Request
from tests.iam.s3 import BUCKET as BACKUPS

ROLES = ("PortalRole", "BuildRole", "AccountRole", "DeployRole", "PipelineRole")
SOURCE = f"arn:aws:s3:::{ARTIFACTS}/sites-portal/Source/a"
BUNDLE = f"arn:aws:s3:::{ARTIFACTS}/sites-portal/Bundle/a"
TEMPLATE = f"arn:aws:s3:::{ARTIFACTS}/templates/0/root.yaml"
STYLE = f"arn:aws:s3:::{STATIC}/portal/base.0123456789ab.css"
BACKUP = f"arn:aws:s3:::{BACKUPS}/monday.dump"
INSTANCE_ROLE = f"arn:aws:iam::{SCOPE.account}:role/{SCOPE.role_name}"
PROFILE = f"arn:aws:iam::{SCOPE.account}:instance-profile/{SCOPE.role_name}"
OURS: Context = {"aws:ResourceTag/ecdeployer:prefix": "sites", "ec2:ResourceTag/ecdeployer:prefix": "sites"}
THEIRS: Context = {"aws:ResourceTag/ecdeployer:prefix": "other", "ec2:ResourceTag/ecdeployer:prefix": "other"}
TAGGED: Context = {"aws:RequestTag/ecdeployer:prefix": "sites", "aws:TagKeys": ["ecdeployer:prefix"]}
NO_TAG: Context = {}
OTHER_TAG: Context = {"aws:RequestTag/ecdeployer:prefix": "other", "aws:TagKeys": ["ecdeployer:prefix"]}
STANDING: Context = {"aws:ResourceTag/ecdeployer:portal": "sites"}


def asked(resource: str, *actions: str, **context: Any) -> list[Request]:
    return [Request(action, resource, context) for action in actions]


def arn(service: str, resource: str) -> str:
    return SCOPE.arn(service, resource)


def with_context(resource: str, context: Context, *actions: str) -> list[Request]:
    return [Request(action, resource, context) for action in actions]


def log_of(group: str) -> list[Request]:
    return asked(
        arn("logs", f"log-group:{group}:log-stream:a"), "logs:PutLogEvents"
    ) + asked(arn("logs", f"log-group:{group}:*"), "logs:CreateLogStream")  # fmt: skip


GROUP, TEMPLATES, VPC = (
    arn("ec2", "security-group/sg-1"),
    arn("ec2", "launch-template/lt-1"),
    arn("ec2", "vpc/vpc-1"),
)
DOCUMENT = arn("ssm", "document/sites-deploy")
FLEET = arn("autoscaling", "autoScalingGroup:0:autoScalingGroupName/sites-portal")
TARGETS = arn("elasticloadbalancing", "targetgroup/sites/0123456789abcdef")
#: What a launch is of, beside its template.
LAUNCHED = [
    "arn:aws:ec2:eu-west-1::image/ami-1",
    *(
        arn("ec2", kind)
        for kind in (
            "instance/i-1",
            "network-interface/eni-1",
            "security-group/sg-1",
            "subnet/subnet-1",
            "volume/vol-1",
        )
    ),
]
PORTALS: Context = {"aws:RequestTag/ecdeployer:portal": "sites", "aws:TagKeys": ["ecdeployer:portal"]}
#: By role: what it has to be allowed.
ASKED: dict[str, list[Request]] = {
    # Session Manager, CodeDeploy's and CloudWatch's agents, and what the portal's own calls add.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/getting-started-create-iam-instance-profile.html
    "PortalRole": [
        *asked(arn("ec2", "instance/i-1"), "ssm:UpdateInstanceInformation"),
        *asked(
            "*",
            *(
                f"ssmmessages:{verb}{kind}Channel"
                for verb in ("Create", "Open")
                for kind in ("Control", "Data")
            ),
        ),
        *asked(BUNDLE, "s3:GetObject", "s3:GetObjectVersion"),
        *log_of("/sites/portal"),
        *asked(arn("logs", "log-group:/sites/portal:*"), "logs:DescribeLogStreams"),
        *asked(BACKUP, "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
        *asked(STYLE, "s3:GetObject"),
        *asked(f"arn:aws:s3:::{BACKUPS}", "s3:ListBucket"),
        *asked(f"arn:aws:s3:::{STATIC}", "s3:ListBucket"),
        *asked(arn("cloudformation", "stack/sites-Portal-1/0"), "cloudformation:SignalResource"),
    ],
    # https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    "BuildRole": [
        *log_of("/sites/pipeline"),
        *asked(SOURCE, "s3:GetObject", "s3:GetObjectVersion"),
        *asked(BUNDLE, "s3:PutObject"),
        *asked(f"arn:aws:s3:::{ARTIFACTS}", "s3:GetBucketAcl", "s3:GetBucketLocation"),
        *asked(
            arn("codebuild", "report-group/sites-build-tests"),
            "codebuild:BatchPutCodeCoverages",
            "codebuild:BatchPutTestCases",
            "codebuild:CreateReport",
            "codebuild:CreateReportGroup",
            "codebuild:UpdateReport",
        ),
    ],
    "AccountRole": [
        *log_of("/sites/pipeline"),
        *asked(BUNDLE, "s3:GetObject", "s3:GetObjectVersion"),
        *asked(f"arn:aws:s3:::{ARTIFACTS}", "s3:GetBucketAcl", "s3:GetBucketLocation"),
        *asked(STYLE, "s3:PutObject"),
        *asked(f"arn:aws:s3:::{STATIC}", "s3:ListBucket"),
        *asked(arn("ssm", "parameter/sites/portal/AGENTS"), "ssm:GetParameters"),
        *asked(
            "arn:aws:ssm:eu-west-1::parameter/aws/service/debian/release/12/latest/amd64", "ssm:GetParameter"
        ),
        *asked(
            "*",
            *(
                f"ec2:Describe{what}"
                for what in (
                    "Images",
                    "LaunchTemplateVersions",
                    "SecurityGroupRules",
                    "SecurityGroups",
                    "Vpcs",
                )
            ),
        ),
        *with_context(GROUP, TAGGED, "ec2:CreateSecurityGroup"),
        *asked(VPC, "ec2:CreateSecurityGroup"),
        *with_context(TEMPLATES, TAGGED, "ec2:CreateLaunchTemplate"),
        *with_context(GROUP, {**TAGGED, "ec2:CreateAction": "CreateSecurityGroup"}, "ec2:CreateTags"),
        *with_context(TEMPLATES, {**TAGGED, "ec2:CreateAction": "CreateLaunchTemplate"}, "ec2:CreateTags"),
        *with_context(GROUP, OURS, "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
        *with_context(TEMPLATES, OURS, "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"),
        *asked(INSTANCE_ROLE, "iam:GetRole", "iam:GetRolePolicy"),
        *with_context(INSTANCE_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, "iam:PassRole"),
        *asked(PROFILE, "iam:GetInstanceProfile"),
        *asked(
            DOCUMENT,
            *(f"ssm:{verb}Document" for verb in ("Create", "Delete", "Describe", "Update")),
            "ssm:AddTagsToResource",
            "ssm:ListDocumentVersions",
            "ssm:UpdateDocumentDefaultVersion",
        ),
    ],
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRole.html
    "DeployRole": [
        *asked(
            "*",
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeLifecycleHooks",
            "cloudwatch:DescribeAlarms",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstances",
            *(
                f"elasticloadbalancing:Describe{what}"
                for what in (
                    "LoadBalancers",
                    "TargetGroupAttributes",
                    "TargetGroups",
                    "TargetHealth",
                )
            ),
            "tag:GetResources",
        ),
        *asked(
            FLEET,
            "autoscaling:CompleteLifecycleAction",
            "autoscaling:DeleteLifecycleHook",
            "autoscaling:PutLifecycleHook",
            "autoscaling:RecordLifecycleActionHeartbeat",
        ),
        *with_context(TEMPLATES, {**STANDING, "ec2:LaunchTemplate": TEMPLATES}, "ec2:RunInstances"),
        *(Request("ec2:RunInstances", resource, {"ec2:LaunchTemplate": TEMPLATES}) for resource in LAUNCHED),
        *(
            Request("ec2:CreateTags", arn("ec2", kind), {**PORTALS, "ec2:CreateAction": "RunInstances"})
            for kind in ("instance/i-1", "volume/vol-1")
        ),
        *with_context(PORTAL_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, "iam:PassRole"),
        *with_context(
            TARGETS,
            STANDING,
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
        ),
    ],
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    "PipelineRole": [
        *asked(SOURCE, "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"),
        *asked(BUNDLE, "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"),
        *asked(
            f"arn:aws:s3:::{ARTIFACTS}",
            *(f"s3:GetBucket{what}" for what in ("Acl", "Location", "Versioning")),
        ),
        *with_context(
            CONNECTION, {"codeconnections:FullRepositoryId": REPOSITORY}, "codeconnections:UseConnection"
        ),
        *with_context(
            OLDER,
            {"codestar-connections:FullRepositoryId": REPOSITORY},
            "codestar-connections:UseConnection",
        ),
        *(
            request
            for name in ("build", "account")
            for request in asked(
                arn("codebuild", f"project/sites-{name}"), "codebuild:BatchGetBuilds", "codebuild:StartBuild"
            )
        ),
        *asked(
            arn("codedeploy", "application:sites-portal"),
            "codedeploy:GetApplication",
            "codedeploy:GetApplicationRevision",
            "codedeploy:RegisterApplicationRevision",
        ),
        *asked(
            arn("codedeploy", "deploymentgroup:sites-portal/sites-portal"),
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment",
        ),
        *asked(
            arn("codedeploy", "deploymentconfig:CodeDeployDefault.OneAtATime"),
            "codedeploy:GetDeploymentConfig",
        ),
    ],
}

#: By role: what it must never be allowed. Each is one difference away from what it does.
NEVER: dict[str, list[Request]] = {
    "PortalRole": [
        *asked(STYLE, "s3:PutObject", "s3:DeleteObject"),
        *asked(BACKUP, "s3:DeleteObject", "s3:GetObjectVersion", "s3:DeleteObjectVersion"),
        *asked(BUNDLE, "s3:PutObject", "s3:DeleteObject"),
        *asked(SOURCE, "s3:GetObject"),
        *asked(TEMPLATE, "s3:GetObject", "s3:PutObject"),
        *log_of("/sites/pipeline"),
        *asked(arn("cloudformation", "stack/other/0"), "cloudformation:SignalResource"),
        *asked(arn("cloudformation", "stack/sites-Portal-1/0"), "cloudformation:UpdateStack"),
        *asked(arn("codedeploy", "deploymentgroup:sites-portal/sites-portal"), "codedeploy:CreateDeployment"),
        *asked(arn("ssm", "parameter/sites/secrets/database-password"), "ssm:GetParameter"),
    ],
    "BuildRole": [
        *asked(SOURCE, "s3:PutObject"),
        *asked(BUNDLE, "s3:GetObject", "s3:DeleteObject"),
        *asked(TEMPLATE, "s3:GetObject", "s3:PutObject"),
        *asked(STYLE, "s3:PutObject"),
        *asked(BACKUP, "s3:GetObject"),
        *log_of("/sites/portal"),
        *asked(arn("codebuild", "report-group/other-tests"), "codebuild:CreateReportGroup"),
        *asked(arn("codebuild", "project/sites-account"), "codebuild:StartBuild", "codebuild:UpdateProject"),
        *asked(arn("ssm", "parameter/sites/portal/SECRET_KEY"), "ssm:GetParameter", "ssm:GetParameters"),
        *asked(INSTANCE_ROLE, "iam:GetRole", "iam:PutRolePolicy"),
        *with_context(INSTANCE_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, "iam:PassRole"),
        *asked("*", "ec2:DescribeInstances"),
    ],
    "AccountRole": [
        *asked(BUNDLE, "s3:PutObject", "s3:DeleteObject"),
        *asked(SOURCE, "s3:GetObject", "s3:PutObject"),
        *asked(STYLE, "s3:DeleteObject"),
        *asked(BACKUP, "s3:GetObject", "s3:PutObject"),
        *asked(
            arn("ssm", "parameter/sites/portal/SECRET_KEY"),
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:PutParameter",
        ),
        *asked(arn("ssm", "parameter/sites/secrets/redis-token"), "ssm:GetParameters"),
        *asked(
            arn("ssm", "document/other-deploy"),
            "ssm:CreateDocument",
            "ssm:DeleteDocument",
            "ssm:UpdateDocument",
        ),
        *(
            request
            for context in (NO_TAG, OTHER_TAG)
            for request in (
                *with_context(GROUP, context, "ec2:CreateSecurityGroup"),
                *with_context(TEMPLATES, context, "ec2:CreateLaunchTemplate"),
            )
        ),
        *with_context(GROUP, {**TAGGED, "ec2:CreateAction": "RunInstances"}, "ec2:CreateTags"),
        *with_context(GROUP, TAGGED, "ec2:CreateTags"),
        *with_context(
            GROUP,
            {"aws:RequestTag/ecdeployer:prefix": "other", "ec2:CreateAction": "CreateSecurityGroup"},
            "ec2:CreateTags",
        ),
        *with_context(GROUP, THEIRS, "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
        *with_context(TEMPLATES, THEIRS, "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"),
        *with_context(GROUP, OURS, "ec2:DeleteSecurityGroup"),
        # Whoever writes the policy of a role that it may pass is an administrator.
        *asked(
            INSTANCE_ROLE,
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ),
        *asked(PROFILE, "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile"),
        *with_context(
            INSTANCE_ROLE.replace("-instance", "-portal"),
            {"iam:PassedToService": "ec2.amazonaws.com"},
            "iam:PassRole",
        ),
        *with_context(INSTANCE_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}, "iam:PassRole"),
        *asked(arn("codedeploy", "deploymentgroup:sites-portal/sites-portal"), "codedeploy:CreateDeployment"),
    ],
    "DeployRole": [
        *asked(
            FLEET.replace("sites-portal", "other"),
            "autoscaling:CompleteLifecycleAction",
            "autoscaling:PutLifecycleHook",
        ),
        *asked(FLEET, "autoscaling:DeleteAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
        *with_context(
            TARGETS,
            {"aws:ResourceTag/ecdeployer:portal": "other"},
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
        ),
        *asked(TARGETS, "elasticloadbalancing:DeregisterTargets"),
        *with_context(TARGETS, STANDING, "elasticloadbalancing:DeleteTargetGroup"),
        *asked(arn("ec2", "instance/i-1"), "ec2:TerminateInstances"),
        *with_context(
            TEMPLATES,
            {"aws:ResourceTag/ecdeployer:portal": "other", "ec2:LaunchTemplate": TEMPLATES},
            "ec2:RunInstances",
        ),
        *(Request("ec2:RunInstances", resource) for resource in LAUNCHED),
        *with_context(arn("ec2", "instance/i-1"), PORTALS, "ec2:CreateTags"),
        *with_context(
            arn("ec2", "instance/i-1"),
            {"aws:RequestTag/ecdeployer:portal": "other", "ec2:CreateAction": "RunInstances"},
            "ec2:CreateTags",
        ),
        *with_context(PORTAL_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}, "iam:PassRole"),
        *with_context(INSTANCE_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, "iam:PassRole"),
        *asked("*", "sns:Publish", "cloudwatch:PutMetricAlarm"),
        *asked(BUNDLE, "s3:GetObject", "s3:PutObject"),
        *asked(DOCUMENT, "ssm:SendCommand"),
    ],
    "PipelineRole": [
        *asked(TEMPLATE, "s3:GetObject", "s3:PutObject"),
        *asked(BUNDLE, "s3:DeleteObject", "s3:DeleteObjectVersion"),
        *asked(STYLE, "s3:PutObject"),
        *asked(BACKUP, "s3:GetObject"),
        *with_context(
            CONNECTION, {"codeconnections:FullRepositoryId": "owner/other"}, "codeconnections:UseConnection"
        ),
        *with_context(
            OLDER,
            {"codestar-connections:FullRepositoryId": "owner/other"},
            "codestar-connections:UseConnection",
        ),
        *with_context(
            CONNECTION[:-1] + "3",
            {"codeconnections:FullRepositoryId": REPOSITORY},
            "codeconnections:UseConnection",
        ),
        *asked(arn("codebuild", "project/other"), "codebuild:StartBuild"),
        *asked(arn("codebuild", "project/sites-account"), "codebuild:UpdateProject"),
        *asked(arn("codedeploy", "deploymentgroup:other/sites-portal"), "codedeploy:CreateDeployment"),
        *asked(
            arn("codedeploy", "deploymentgroup:sites-portal/sites-portal"), "codedeploy:UpdateDeploymentGroup"
        ),
        *asked(
            arn("codedeploy", "deploymentconfig:CodeDeployDefault.AllAtOnce"),
            "codedeploy:GetDeploymentConfig",
        ),
        *asked(INSTANCE_ROLE, "iam:PassRole"),
        *asked(arn("ssm", "parameter/sites/portal/SECRET_KEY"), "ssm:GetParameter"),
    ],
}
CONDITIONS = sorted(
    {
        (role, statement["Sid"], operator, key)
        for role in ROLES
        for statement in own_statements(role)
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
    }
)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_is_for_is_allowed(evaluator: Evaluator, role: str) -> None:
    judged = zip(ASKED[role], evaluator.judge(policy_of(role), ASKED[role]).verdicts, strict=True)
    assert [request for request, verdict in judged if verdict != "Allowed"] == []


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_allowed_that_a_role_is_not_for(role: str) -> None:
    wanted = {request.action for request in ASKED[role]}
    given = {action for statement in own_statements(role) for action in _list(statement["Action"])}
    assert {action for action in given if not fnmatch.filter(wanted, action)} == set()


@pytest.mark.parametrize(
    ("role", "request_"),
    [(role, request) for role in ROLES for request in NEVER[role]],
    ids=lambda each: each if isinstance(each, str) else f"{each.action}-{each.resource.rpartition(':')[2]}",
)
def test_what_a_role_must_never_do(evaluator: Evaluator, role: str, request_: Request) -> None:
    assert evaluator.judge(policy_of(role), [request_]).verdicts == ["ImplicitlyDenied"]


@pytest.mark.parametrize(("role", "name", "operator", "key"), CONDITIONS)
def test_without_a_condition_something_of_it_would_be_allowed(
    evaluator: Evaluator, role: str, name: str, operator: str, key: str
) -> None:
    policy = copy.deepcopy(policy_of(role))
    statements = [each for each in policy["Statement"] if each["Sid"] == name]
    for statement in statements:
        del statement["Condition"][operator][key]
    requests = [each for each in NEVER[role] if each.action in _list(statements[0]["Action"])]
    assert "Allowed" in evaluator.judge(policy, requests).verdicts


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("AccountRole", "PortalRole")])
@pytest.mark.parametrize("service", ["iam", "kms", "rds", "ec2", "ssm", "cloudformation", "secretsmanager"])
def test_a_service_that_a_stage_changes_nothing_of(evaluator: Evaluator, role: str, service: str) -> None:
    changes = evaluator.judge(policy_of(role), [], services=[service]).changes
    assert len(changes) > 10
    judged = evaluator.judge(policy_of(role), [Request(name, "*") for name in changes])
    assert set(judged.verdicts) == {"ImplicitlyDenied"}


def test_the_account_s_stage_may_ask_what_its_commands_ask() -> None:
    """As they were recorded, but what changes a role, which is aws-up's; the image is the portal's affair."""
    asks = {call.name for call in recording.known() if call.asker == "operator"} - judging.FREE
    allowed = {request.action for request in ASKED["AccountRole"]}
    assert asks - allowed == {
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:UpdateAssumeRolePolicy",
    }


def _list(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found

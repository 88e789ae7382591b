"""What each role of the account's stack has to be allowed, and what it must never be.

What the stages' services ask of AWS by them is in AWS's documentation alone: the list here follows it, each
with its page.
"""

from tests.iam.account import ARTIFACTS, CONNECTION, OLDER, PORTAL_ROLE, REPOSITORY, STATIC
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


def asked(resource: str, *actions: str, context: Context | None = None) -> list[Request]:
    return [Request(action, resource, context or {}) for action in actions]


def arn(service: str, resource: str) -> str:
    return SCOPE.arn(service, resource)


def log_of(group: str) -> list[Request]:
    return asked(
        arn("logs", f"log-group:{group}:log-stream:a"), "logs:PutLogEvents"
    ) + asked(arn("logs", f"log-group:{group}:*"), "logs:CreateLogStream")  # fmt: skip


GROUP, MACHINE, TEMPLATES, VPC = (
    arn("ec2", "security-group/sg-1"),
    arn("ec2", "instance/i-1"),
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
        *asked(GROUP, "ec2:CreateSecurityGroup", context=TAGGED),
        *asked(VPC, "ec2:CreateSecurityGroup"),
        *asked(TEMPLATES, "ec2:CreateLaunchTemplate", context=TAGGED),
        *asked(GROUP, "ec2:CreateTags", context={**TAGGED, "ec2:CreateAction": "CreateSecurityGroup"}),
        *asked(TEMPLATES, "ec2:CreateTags", context={**TAGGED, "ec2:CreateAction": "CreateLaunchTemplate"}),
        *asked(GROUP, "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", context=OURS),
        *asked(TEMPLATES, "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", context=OURS),
        *asked(INSTANCE_ROLE, "iam:GetRole", "iam:GetRolePolicy"),
        *asked(INSTANCE_ROLE, "iam:PassRole", context={"iam:PassedToService": "ec2.amazonaws.com"}),
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
        *asked(TEMPLATES, "ec2:RunInstances", context={**STANDING, "ec2:LaunchTemplate": TEMPLATES}),
        *(Request("ec2:RunInstances", resource, {"ec2:LaunchTemplate": TEMPLATES}) for resource in LAUNCHED),
        *(
            Request("ec2:CreateTags", arn("ec2", kind), {**PORTALS, "ec2:CreateAction": "RunInstances"})
            for kind in ("instance/i-1", "volume/vol-1")
        ),
        *asked(PORTAL_ROLE, "iam:PassRole", context={"iam:PassedToService": "ec2.amazonaws.com"}),
        *asked(
            TARGETS,
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
            context=STANDING,
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
        *asked(
            CONNECTION,
            "codeconnections:UseConnection",
            context={"codeconnections:FullRepositoryId": REPOSITORY},
        ),
        *asked(
            OLDER,
            "codestar-connections:UseConnection",
            context={"codestar-connections:FullRepositoryId": REPOSITORY},
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
        *asked(arn("cloudformation", "stack/sites-two-Portal-1/0"), "cloudformation:SignalResource"),
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
        *asked(arn("codebuild", "report-group/sites-build-tests"), "codebuild:CreateReportGroup"),
        *asked(arn("codebuild", "project/sites-account"), "codebuild:StartBuild", "codebuild:UpdateProject"),
        *asked(arn("ssm", "parameter/sites/portal/SECRET_KEY"), "ssm:GetParameter", "ssm:GetParameters"),
        *asked(INSTANCE_ROLE, "iam:GetRole", "iam:PutRolePolicy"),
        *asked(INSTANCE_ROLE, "iam:PassRole", context={"iam:PassedToService": "ec2.amazonaws.com"}),
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
        *(
            request
            for name in ("portal", "portal/SECRET_KEY")
            for request in asked(arn("ssm", f"parameter/sites/{name}"), "ssm:GetParametersByPath")
        ),
        *asked(
            arn("ssm", "parameter/sites/0f0f0f0f-0000-4000-8000-000000000001/deploy-key"),
            "ssm:GetParameter",
            "ssm:PutParameter",
        ),
        *(
            request
            for name in ("other-deploy", "sites-two-deploy", "sites-other")
            for request in asked(
                arn("ssm", f"document/{name}"),
                "ssm:CreateDocument",
                "ssm:DeleteDocument",
                "ssm:UpdateDocument",
                "ssm:UpdateDocumentDefaultVersion",
            )
        ),
        *asked(arn("ssm", "document/sites-act"), "ssm:SendCommand"),
        *asked(MACHINE, "ssm:SendCommand", context={"ssm:resourceTag/ecdeployer:prefix": "sites", **OURS}),
        # A machine of a site's.
        *asked(
            MACHINE,
            "ec2:CreateImage",
            "ec2:GetConsoleOutput",
            "ec2:RebootInstances",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
            context=OURS,
        ),
        *asked(
            MACHINE,
            "ec2:RunInstances",
            context={**TAGGED, "ec2:LaunchTemplate": TEMPLATES, "ec2:MetadataHttpTokens": "required"},
        ),
        *(
            request
            for context in (NO_TAG, OTHER_TAG)
            for request in (
                *asked(GROUP, "ec2:CreateSecurityGroup", context=context),
                *asked(TEMPLATES, "ec2:CreateLaunchTemplate", context=context),
            )
        ),
        *asked(GROUP, "ec2:CreateTags", context={**TAGGED, "ec2:CreateAction": "RunInstances"}),
        *asked(GROUP, "ec2:CreateTags", context=TAGGED),
        *asked(
            GROUP,
            "ec2:CreateTags",
            context={"aws:RequestTag/ecdeployer:prefix": "other", "ec2:CreateAction": "CreateSecurityGroup"},
        ),
        *asked(GROUP, "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", context=THEIRS),
        *asked(TEMPLATES, "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", context=THEIRS),
        *asked(GROUP, "ec2:DeleteSecurityGroup", context=OURS),
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
        *asked(
            INSTANCE_ROLE.replace("-instance", "-portal"),
            "iam:PassRole",
            context={"iam:PassedToService": "ec2.amazonaws.com"},
        ),
        *asked(INSTANCE_ROLE, "iam:PassRole", context={"iam:PassedToService": "lambda.amazonaws.com"}),
        *asked(arn("codedeploy", "deploymentgroup:sites-portal/sites-portal"), "codedeploy:CreateDeployment"),
    ],
    "DeployRole": [
        *asked(
            FLEET.replace("sites-portal", "other"),
            "autoscaling:CompleteLifecycleAction",
            "autoscaling:PutLifecycleHook",
        ),
        *asked(FLEET, "autoscaling:DeleteAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
        *asked(
            TARGETS,
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
            context={"aws:ResourceTag/ecdeployer:portal": "other"},
        ),
        *asked(TARGETS, "elasticloadbalancing:DeregisterTargets"),
        *asked(TARGETS, "elasticloadbalancing:DeleteTargetGroup", context=STANDING),
        *asked(arn("ec2", "instance/i-1"), "ec2:TerminateInstances"),
        *asked(
            TEMPLATES,
            "ec2:RunInstances",
            context={"aws:ResourceTag/ecdeployer:portal": "other", "ec2:LaunchTemplate": TEMPLATES},
        ),
        *(request for each in LAUNCHED for request in asked(each, "ec2:RunInstances")),
        *asked(arn("ec2", "instance/i-1"), "ec2:CreateTags", context=PORTALS),
        *asked(
            arn("ec2", "instance/i-1"),
            "ec2:CreateTags",
            context={"aws:RequestTag/ecdeployer:portal": "other", "ec2:CreateAction": "RunInstances"},
        ),
        *asked(PORTAL_ROLE, "iam:PassRole", context={"iam:PassedToService": "lambda.amazonaws.com"}),
        *asked(INSTANCE_ROLE, "iam:PassRole", context={"iam:PassedToService": "ec2.amazonaws.com"}),
        *asked("*", "sns:Publish", "cloudwatch:PutMetricAlarm"),
        *asked(BUNDLE, "s3:GetObject", "s3:PutObject"),
        *asked(DOCUMENT, "ssm:SendCommand"),
    ],
    "PipelineRole": [
        *asked(TEMPLATE, "s3:GetObject", "s3:PutObject"),
        *asked(BUNDLE, "s3:DeleteObject", "s3:DeleteObjectVersion"),
        *asked(STYLE, "s3:PutObject"),
        *asked(BACKUP, "s3:GetObject"),
        *asked(
            CONNECTION,
            "codeconnections:UseConnection",
            context={"codeconnections:FullRepositoryId": "owner/other"},
        ),
        *asked(
            OLDER,
            "codestar-connections:UseConnection",
            context={"codestar-connections:FullRepositoryId": "owner/other"},
        ),
        *asked(
            CONNECTION[:-1] + "3",
            "codeconnections:UseConnection",
            context={"codeconnections:FullRepositoryId": REPOSITORY},
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

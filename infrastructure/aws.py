"""The one door to AWS: clients of one region, and what AWS refuses as one error."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codeconnections import CodeConnectionsClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 6},
    user_agent_extra="ecdeployer-infrastructure",
)
_SIGN_IN = "Sign in first: `aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret."
_ADVICE = {
    "NoCredentialsError": _SIGN_IN,
    "PartialCredentialsError": _SIGN_IN,
    "ProfileNotFound": "AWS_PROFILE names a profile that ~/.aws/config does not have.",
    "ExpiredToken": f"The credentials have expired. {_SIGN_IN}",
    "ExpiredTokenException": f"The credentials have expired. {_SIGN_IN}",
    "SSOTokenLoadError": _SIGN_IN,
    "TokenRetrievalError": _SIGN_IN,
    "UnauthorizedSSOTokenError": _SIGN_IN,
    "InvalidClientTokenId": f"AWS does not know these credentials. {_SIGN_IN}",
    "AccessDenied": "Use credentials that administer this account.",
    "AccessDeniedException": "Use credentials that administer this account.",
    "EndpointConnectionError": "Is the region spelled right, and AWS in reach?",
}


class AWSError(Exception):
    """``code`` is AWS's own, or the name of botocore's error where AWS did not answer."""

    def __init__(self, code: str, message: str, *, operation: str = "") -> None:
        self.code = code
        self.message = message
        said = f"{operation}: {code}: {message}" if operation else f"{code}: {message}"
        super().__init__(f"{said.rstrip('. ')}. {_ADVICE[code]}" if code in _ADVICE else said)


@dataclass(frozen=True)
class Identity:
    account: str
    arn: str


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        raise AWSError(
            said.get("Code", "Unknown"), said.get("Message", ""), operation=error.operation_name
        ) from None
    except BotoCoreError as error:
        raise AWSError(type(error).__name__, str(error)) from None


class AWS:
    """Clients, made when first asked for."""

    def __init__(self, region: str) -> None:
        self.region = region

    def ask(self, call: Callable[Asked, Answer], *args: Asked.args, **arguments: Asked.kwargs) -> Answer:
        """What a client's method answers; raises AWSError."""
        with _translated():
            return call(*args, **arguments)

    def pages(
        self, paginate: Callable[Asked, Iterable[Answer]], *args: Asked.args, **arguments: Asked.kwargs
    ) -> Iterator[Answer]:
        """What a paginator answers, a page asked for when it is wanted; raises AWSError."""
        with _translated():
            pages = iter(paginate(*args, **arguments))
        while True:
            with _translated():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def identity(self) -> Identity:
        with _translated():
            answer = self.sts.get_caller_identity()
        return Identity(account=answer["Account"], arn=answer["Arn"])

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` and so on: the second part of every ARN."""
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def _session(self) -> boto3.session.Session:
        return boto3.session.Session(region_name=self.region)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self._session.client("cloudformation", config=_CONFIG)

    @cached_property
    def codeconnections(self) -> "CodeConnectionsClient":
        return self._session.client("codeconnections", config=_CONFIG)

    @cached_property
    def codepipeline(self) -> "CodePipelineClient":
        return self._session.client("codepipeline", config=_CONFIG)

    @cached_property
    def ec2(self) -> "EC2Client":
        return self._session.client("ec2", config=_CONFIG)

    @cached_property
    def iam(self) -> "IAMClient":
        return self._session.client("iam", config=_CONFIG)

    @cached_property
    def rds(self) -> "RDSClient":
        return self._session.client("rds", config=_CONFIG)

    @cached_property
    def tagging(self) -> "ResourceGroupsTaggingAPIClient":
        return self._session.client("resourcegroupstaggingapi", config=_CONFIG)

    @cached_property
    def route53(self) -> "Route53Client":
        return self._session.client("route53", config=_CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", config=_CONFIG)

    @cached_property
    def ssm(self) -> "SSMClient":
        return self._session.client("ssm", config=_CONFIG)

    @cached_property
    def sts(self) -> "STSClient":
        return self._session.client("sts", config=_CONFIG)

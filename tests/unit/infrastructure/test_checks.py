from dataclasses import replace
from typing import Any

import pytest

from infrastructure import checks
from infrastructure.aws import AWS
from infrastructure.parameters import Parameters
from infrastructure.terminal import RefusalError
from tests.aws_stubs import Stub
from tests.unit.infrastructure.account import answer_connection

Z = "Z0123456789ABCDEFGHIJ"


def answer_zone(stub: Stub, name: str = "example.com.", *, private: bool = False) -> None:
    zone: dict[str, Any] = {"Id": f"/hostedzone/{Z}", "Name": name, "CallerReference": "1"}
    zone["Config"] = {"PrivateZone": private}
    stub("route53").add_response("get_hosted_zone", {"HostedZone": zone}, {"Id": Z})


def answer_vpcs(stub: Stub, count: int = 1) -> None:
    stub("ec2").add_response("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-1"}] * count})


def refused(aws: AWS, given: Parameters) -> list[str]:
    with pytest.raises(RefusalError) as caught:
        checks.require(aws, given)
    head, *problems = str(caught.value).splitlines()
    assert head == "The account is not ready:"
    return problems


@pytest.mark.parametrize("zone", ["example.com.", "portal.example.com."])
def test_ready(aws: AWS, given: Parameters, stub: Stub, zone: str) -> None:
    answer_connection(stub("codeconnections"), given.connection_arn)
    answer_zone(stub, zone)
    answer_vpcs(stub)
    checks.require(aws, given)


def test_everything_that_is_wrong_is_said_at_once(aws: AWS, given: Parameters, stub: Stub) -> None:
    answer_connection(stub("codeconnections"), given.connection_arn, "PENDING")
    answer_zone(stub, "ple.com.", private=True)
    answer_vpcs(stub, 0)
    problems = refused(aws, given)
    assert len(problems) == 4
    for problem, words in zip(
        problems,
        (
            "connection is PENDING, not AVAILABLE",
            "is of ple.com, which portal.example.com does not lie in",
            "is private",
            "create-default-vpc --region eu-west-1",
        ),
        strict=True,
    ):
        assert words in problem


def test_what_is_not_there_and_what_may_not_be_asked(aws: AWS, given: Parameters, stub: Stub) -> None:
    stub("codeconnections").add_client_error("get_connection", "ResourceNotFoundException")
    stub("route53").add_client_error("get_hosted_zone", "NoSuchHostedZone")
    stub("ec2").add_client_error("describe_vpcs", "UnauthorizedOperation", "no")
    connection, zone, vpc = refused(aws, given)
    assert "there is no connection arn:aws:codeconnections" in connection
    assert f"there is no zone {Z}" in zone
    assert "DescribeVpcs: UnauthorizedOperation: no" in vpc


def test_a_name_that_only_ends_alike(aws: AWS, given: Parameters, stub: Stub) -> None:
    answer_connection(stub("codeconnections"), given.connection_arn)
    answer_zone(stub)
    answer_vpcs(stub)
    [problem] = refused(aws, replace(given, domain="notexample.com"))
    assert "which notexample.com does not lie in" in problem

"""The metadata service inside machines, as the SDKs use it."""

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SERVICE = "http://169.254.169.254/latest"
TOKEN = f"$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {SERVICE}/api/token)"


def code(cloud: "RunningCloud", machine: str, options: str, path: str = "meta-data/instance-id") -> str:
    return cloud.run(machine, f"curl -sS -o /dev/null -w '%{{http_code}}' {options} {SERVICE}/{path}")


def get(cloud: "RunningCloud", machine: str, path: str) -> str:
    return cloud.run(machine, f'curl -sSf -H "X-aws-ec2-metadata-token: {TOKEN}" {SERVICE}/{path}')


def test_a_token_is_required(cloud: "RunningCloud", machine: str) -> None:
    assert code(cloud, machine, "") == "401"
    assert code(cloud, machine, "-H 'X-aws-ec2-metadata-token: guess'") == "401"
    assert code(cloud, machine, f'-H "X-aws-ec2-metadata-token: {TOKEN}"') == "200"


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("-X PUT", "400"),
        ("-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21601'", "400"),
        ("-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' -H 'X-Forwarded-For: 1.2.3.4'", "403"),
        ("-H 'X-aws-ec2-metadata-token-ttl-seconds: 60'", "405"),
    ],
)
def test_tokens_are_given_by_the_rules(
    cloud: "RunningCloud", machine: str, options: str, answer: str
) -> None:
    assert code(cloud, machine, options, "api/token") == answer


def test_a_machine_knows_itself(cloud: "RunningCloud", machine: str) -> None:
    record = cloud.describe(machine)
    told = {
        "instance-id": machine,
        "ami-id": record["ImageId"],
        "instance-type": "t3.micro",
        "local-ipv4": record["PrivateIpAddress"],
        "public-ipv4": record["PublicIpAddress"],
        "placement/region": "eu-west-1",
        "placement/availability-zone": record["Placement"]["AvailabilityZone"],
        "mac": record["NetworkInterfaces"][0]["MacAddress"],
        "tags/instance/Name": "shared",
        "iam/security-credentials/": "of-tests",
    }
    assert {path: get(cloud, machine, f"meta-data/{path}") for path in told} == told
    assert get(cloud, machine, "user-data") == "#!/bin/sh\necho user-data-ran"
    document = json.loads(get(cloud, machine, "dynamic/instance-identity/document"))
    assert (document["instanceId"], document["region"], document["accountId"]) == (
        machine,
        "eu-west-1",
        "123456789012",
    )
    assert told["mac"] in cloud.run(machine, "ip -oneline link show ens5")


def test_the_host_has_no_metadata(cloud: "RunningCloud") -> None:
    host, port = cloud.endpoint.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/latest/meta-data/instance-id")
    assert connection.getresponse().status == 404
    connection.close()


def test_boto3_in_a_machine_works_by_its_role(cloud: "RunningCloud", machine: str) -> None:
    cloud.client("ssm").put_parameter(Name="/of-tests/secret", Value="s3cret", Type="SecureString")
    program = (
        "import boto3; session = boto3.Session(region_name='eu-west-1');"
        "stored = session.client('ssm').get_parameter(Name='/of-tests/secret', WithDecryption=True);"
        "caller = session.client('sts').get_caller_identity();"
        "print(session.get_credentials().method, caller['Arn'], stored['Parameter']['Value'])"
    )
    cloud.run(
        machine,
        "(apt-get -q update && apt-get -qy install --no-install-recommends python3-venv) >/dev/null 2>&1",
        "python3 -m venv /opt/venv && /opt/venv/bin/pip -q install boto3 uv",
        "/opt/venv/bin/uv -q pip install --python /opt/venv/bin/python django",
    )

    method, arn, secret = cloud.run(machine, f'/opt/venv/bin/python -c "{program}"').split()

    assert method == "iam-role"
    assert arn == f"arn:aws:sts::123456789012:assumed-role/of-tests/{machine}"
    assert secret == "s3cret"

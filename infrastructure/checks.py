"""What must hold in the account before anything is made there."""

from collections.abc import Iterator
from typing import Any

from .aws import AWS, AWSError
from .parameters import Parameters
from .terminal import RefusalError


def require(aws: AWS, parameters: Parameters) -> None:
    """Raises RefusalError with every problem."""
    checks = (_connection, _zone, _default_vpc)
    problems = [problem for check in checks for problem in _answered(check(aws, parameters))]
    if problems:
        raise RefusalError(
            "\n".join(["The account is not ready:", *(f"  {problem}" for problem in problems)])
        )


def _answered(check: Iterator[str]) -> Iterator[str]:
    """What AWS refuses to say is a problem like the others."""
    try:
        yield from check
    except AWSError as error:
        yield str(error)


def _connection(aws: AWS, parameters: Parameters) -> Iterator[str]:
    arn = parameters.connection_arn
    try:
        answer = aws.ask(aws.codeconnections.get_connection, ConnectionArn=arn)
    except AWSError as error:
        if error.code != "ResourceNotFoundException":
            raise
        yield f"connection_arn: there is no connection {arn}"
        return
    status = answer["Connection"].get("ConnectionStatus", "unknown")
    if status != "AVAILABLE":
        yield (
            f"connection_arn: the connection is {status}, not AVAILABLE: finish it in the console, "
            "Developer Tools, Settings, Connections, Update pending connection"
        )


def _zone(aws: AWS, parameters: Parameters) -> Iterator[str]:
    wanted, domain = parameters.hosted_zone_id, parameters.domain
    try:
        answer = aws.ask(aws.route53.get_hosted_zone, Id=wanted)
    except AWSError as error:
        if error.code != "NoSuchHostedZone":
            raise
        yield f"hosted_zone_id: there is no zone {wanted} in this account"
        return
    zone = answer["HostedZone"]
    name = zone["Name"].rstrip(".")
    if domain != name and not domain.endswith(f".{name}"):
        yield f"hosted_zone_id: the zone {wanted} is of {name}, which {domain} does not lie in"
    if zone.get("Config", {}).get("PrivateZone"):
        yield f"hosted_zone_id: the zone {wanted} is private; AWS proves the certificate through a public one"


def _default_vpc(aws: AWS, parameters: Parameters) -> Iterator[str]:
    """Sites' machines, and the one that the golden image is made on, stand in it."""
    default: Any = [{"Name": "is-default", "Values": ["true"]}]
    answer = aws.ask(aws.ec2.describe_vpcs, Filters=default)
    if not answer["Vpcs"]:
        yield (
            f"{parameters.region} has no default VPC, where sites' machines stand: run "
            f"`aws ec2 create-default-vpc --region {parameters.region}`"
        )

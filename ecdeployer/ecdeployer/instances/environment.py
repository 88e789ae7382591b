"""A site's environment in Parameter Store, for its one machine to read."""

import functools
from collections.abc import Mapping

from django.conf import settings

from .. import logs
from ..applications.models import Application
from ..aws import ssm, sts
from ..aws.session import AWS
from .connection import aws
from .models import Instance, LedgerEntry


def path(application: Application) -> str:
    """Where its parameters lie: ``<path>/0`` to ``<path>/9``."""
    return f"/{settings.RESOURCE_PREFIX}/{application.pk}/environment"


def write(instance: Instance, values: Mapping[str, str]) -> None:
    """Any number of times. The instance has to be launched: its ARN says who may read. Raises AWSError."""
    logs.hide(values.values())
    LedgerEntry.expect(instance, LedgerEntry.Kind.PARAMETERS)
    ssm.put_environment(aws(), path(instance.application), values, instance_arn=arn_of(instance))


def delete(application: Application) -> int:
    """How many parameters there were; 0 proves that none is left. Raises AWSError."""
    return ssm.delete_environment(aws(), path(application))


def arn_of(instance: Instance) -> str:
    """What a parameter is tagged with for this machine to read it. Raises AWSError."""
    connection = aws()
    owner = f"arn:{connection.partition}:ec2:{connection.region}:{_account(connection)}"
    return f"{owner}:instance/{instance.ec2_id}"


@functools.lru_cache(maxsize=8)
def _account(connection: AWS) -> str:
    """Credentials may expire; the account that they belong to stays."""
    return sts.account(connection)

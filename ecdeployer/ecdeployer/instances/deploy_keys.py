"""The private half of an application's deploy key: in Parameter Store, and nowhere else."""

from django.conf import settings

from ..applications.models import Application
from ..aws import ssm
from .connection import aws
from .environment import arn_of
from .models import Instance


def path(application: Application) -> str:
    return f"/{settings.RESOURCE_PREFIX}/{application.pk}/deploy-key"


def write(application: Application, private: str) -> None:
    """It takes the place of an earlier one. Raises AWSError."""
    ssm.put_secret(aws(), path(application), private)


def read(application: Application) -> str:
    """Raises AWSError."""
    return ssm.secret(aws(), path(application))


def share(instance: Instance) -> None:
    """Let the machine read it, and no other. The instance has to be launched. Raises AWSError."""
    ssm.share_secret(aws(), path(instance.application), instance_arn=arn_of(instance))


def delete(application: Application) -> int:
    """How many there were; 0 proves that it is gone. Raises AWSError."""
    return ssm.delete_secret(aws(), path(application))

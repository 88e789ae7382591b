"""The portal's connection to its AWS account."""

from django.conf import settings

from ..aws.errors import SETUP, AWSError
from ..aws.session import AWS, connect


class InfrastructureMissingError(AWSError):
    """Nothing can be launched or sent until an operator has run the command."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            code="InfrastructureMissing",
            message=f"The AWS account has no {missing}: run manage.py ensure_infrastructure",
            kind=SETUP.kind,
            retryable=SETUP.retryable,
            person=SETUP.person,
        )


def aws() -> AWS:
    """One for each process."""
    return connect(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)

"""The portal's connection to its AWS account."""

from django.conf import settings

from ..aws.session import AWS, connect


def aws() -> AWS:
    """One for each process."""
    return connect(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)

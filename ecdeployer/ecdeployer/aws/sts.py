"""Who the portal is in AWS."""

from .session import AWS


def account(aws: AWS) -> str:
    """The account's twelve digits; the cheapest question that tells whether the credentials are good."""
    return aws.ask(lambda: aws.sts.get_caller_identity())["Account"]

"""The portal's own settings, kept in Parameter Store in production."""

from collections.abc import MutableMapping

import boto3


def read_settings(environment: MutableMapping[str, str]) -> None:
    """Add what Parameter Store has below ``SETTINGS_PARAMETER_PATH`` to the environment, which wins.

    Values are read decrypted, ten a page, which is GetParametersByPath's maximum.
    """
    path = environment.get("SETTINGS_PARAMETER_PATH")
    if not path:
        return
    client = boto3.session.Session(region_name=environment.get("AWS_REGION")).client("ssm")
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path, WithDecryption=True)
    for page in pages:
        for parameter in page["Parameters"]:
            environment.setdefault(parameter["Name"].rsplit("/", 1)[-1], parameter["Value"])

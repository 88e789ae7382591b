"""Parameter Store: the secrets that the templates name, and the settings that the portal reads at start."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from .aws import AWS, AWSError
from .parameters import Parameters
from .stacks import TAG
from .terminal import RefusalError

#: Bytes, as hexadecimal digits: RDS and ElastiCache refuse some signs, and each of them others.
_LENGTH = 32
#: The database's name, and its user's, in templates/data.yaml.
DATABASE = "ecdeployer"
#: What lets the first superuser in; below the portal's settings stands its digest.
FIRST_CODE = "secrets/first-operator-code"
#: What an operator may have set that machines are made by.
MACHINES = ("AGENTS", "BASE_AMI_PARAMETER", "CLOUDWATCH_AGENT", "CLOUDWATCH_NAMESPACE", "INSTANCE_TYPES")
#: Below the prefix, not below the portal's settings: no machine reads it.
DEPLOYED = "deployed"
SECRETS = ("secrets/database-password", "secrets/redis-token", FIRST_CODE)


@dataclass(frozen=True)
class Setting:
    """``keep``: made once, and whatever it is by now stays."""

    value: str
    secret: bool = False
    keep: bool = False

    @property
    def type(self) -> Literal["SecureString", "String"]:
        return "SecureString" if self.secret else "String"


def ensure_secrets(aws: AWS, prefix: str) -> list[str]:
    """The names of those that were made."""
    made = {name: Setting(secrets.token_hex(_LENGTH), secret=True, keep=True) for name in SECRETS}
    return write(aws, prefix, made)


def require_secrets(aws: AWS, prefix: str) -> None:
    """Of stacks that stand: another password than theirs would shut the portal out of its database."""
    gone = [f"/{prefix}/{name}" for name in SECRETS[:2] if _find(aws, f"/{prefix}/{name}") is None]
    if gone:
        raise RefusalError(
            f"Parameter Store has no {' and no '.join(gone)} any more, and the stacks still use it. "
            f"Put it back: the value stands in the URLs below /{prefix}/portal."
        )


def secret_versions(aws: AWS, prefix: str) -> dict[str, str]:
    """Root's parameters by which CloudFormation sees that an operator has changed a secret."""
    names = {"DatabasePasswordVersion": SECRETS[0], "RedisTokenVersion": SECRETS[1]}
    found = {name: aws.ask(aws.ssm.get_parameter, Name=f"/{prefix}/{path}") for name, path in names.items()}
    return {name: str(answer["Parameter"]["Version"]) for name, answer in found.items()}


def portal_settings(aws: AWS, parameters: Parameters, outputs: Mapping[str, str]) -> dict[str, Setting]:
    """What docs/operating.md lists, below ``/<prefix>/portal``; the stacks must stand."""
    prefix = parameters.prefix
    password, token = (_read(aws, f"/{prefix}/{name}") for name in SECRETS[:2])
    code = _read(aws, f"/{prefix}/{FIRST_CODE}")
    database = f"{outputs['DatabaseHost']}:{outputs['DatabasePort']}/{DATABASE}?sslmode=require"
    redis = f"{outputs['RedisHost']}:{outputs['RedisPort']}/0?ssl_cert_reqs=required"
    found = {
        "SECRET_KEY": Setting(secrets.token_urlsafe(60), secret=True, keep=True),
        "METRICS_TOKEN": Setting(secrets.token_urlsafe(32), secret=True, keep=True),
        "DATABASE_URL": Setting(
            f"postgresql://{DATABASE}:{quote(password, safe='')}@{database}", secret=True
        ),
        "REDIS_URL": Setting(f"rediss://:{quote(token, safe='')}@{redis}", secret=True),
        "FIRST_OPERATOR_SHA256": Setting(hashlib.sha256(code.encode()).hexdigest()),
        "STATIC_BUCKET": Setting(outputs["StaticBucket"]),
        # The load balancer, and the machine's own nginx.
        "TRUSTED_PROXIES": Setting("2"),
        **{name: Setting(value) for name, value in plain_settings(parameters).items()},
    }
    return {f"portal/{name}": setting for name, setting in found.items()}


def plain_settings(parameters: Parameters) -> dict[str, str]:
    """Those that are known before there is a stack, and are no secrets."""
    return {
        "PORTAL_URL": f"https://{parameters.domain}",
        "RESOURCE_PREFIX": parameters.prefix,
        "AWS_REGION": parameters.region,
        "CLOUDWATCH_NAMESPACE": parameters.prefix,
    }


def machine_settings(aws: AWS, prefix: str) -> dict[str, str]:
    """Those that are there: without them the portal's commands would undo what it was set to."""
    wanted = [f"/{prefix}/portal/{name}" for name in MACHINES]
    answer = aws.ask(aws.ssm.get_parameters, Names=wanted, WithDecryption=True)
    return {found["Name"].rpartition("/")[2]: found["Value"] for found in answer["Parameters"]}


def digest(aws: AWS, prefix: str, stack: Mapping[str, str]) -> str:
    """Of what the portal's machines are to read, an operator's own settings too, and ``stack``'s parameters.

    Versions count, too: a value that was set back may have been deployed as it was in between.
    """
    pages = aws.pages(
        aws.ssm.get_paginator("get_parameters_by_path").paginate,
        Path=f"/{prefix}/portal",
        Recursive=True,
        WithDecryption=True,
    )
    found = {each["Name"]: [each["Value"], each["Version"]] for page in pages for each in page["Parameters"]}
    return hashlib.sha256(json.dumps([found, dict(stack)], sort_keys=True).encode()).hexdigest()


def deployed(aws: AWS, prefix: str) -> str | None:
    """The digest of what was deployed last; None where nothing was, or where an earlier version did it."""
    return _find(aws, f"/{prefix}/{DEPLOYED}")


def note_deployed(aws: AWS, prefix: str, found: str) -> None:
    write(aws, prefix, {DEPLOYED: Setting(found)})


def write(aws: AWS, prefix: str, settings: Mapping[str, Setting]) -> list[str]:
    """The full names of those that were made or changed; those that are as wanted get no new version."""
    changed = []
    for name, setting in settings.items():
        path = f"/{prefix}/{name}"
        present = _find(aws, path)
        if present is None:
            _make(aws, path, setting, prefix=prefix)
        elif present == setting.value or setting.keep:
            continue
        else:
            _change(aws, path, setting)
        changed.append(path)
    return changed


def names(aws: AWS, prefix: str) -> list[str]:
    """Of every parameter below the prefix: the portal's, the secrets, and the environments of sites."""
    below: Any = [{"Key": "Path", "Option": "Recursive", "Values": [f"/{prefix}"]}]
    pages = aws.pages(aws.ssm.get_paginator("describe_parameters").paginate, ParameterFilters=below)
    return sorted(found["Name"] for page in pages for found in page["Parameters"])


def delete(aws: AWS, found: list[str]) -> None:
    """Ten at a time, which is DeleteParameters' maximum; those that are gone already are no error."""
    for start in range(0, len(found), 10):
        aws.ask(aws.ssm.delete_parameters, Names=found[start : start + 10])


def _make(aws: AWS, path: str, setting: Setting, *, prefix: str) -> None:
    tags: Any = [{"Key": TAG, "Value": prefix}]
    aws.ask(aws.ssm.put_parameter, Name=path, Value=setting.value, Type=setting.type, Tags=tags)


def _change(aws: AWS, path: str, setting: Setting) -> None:
    aws.ask(aws.ssm.put_parameter, Name=path, Value=setting.value, Type=setting.type, Overwrite=True)


def _find(aws: AWS, path: str) -> str | None:
    try:
        return _read(aws, path)
    except AWSError as error:
        if error.code != "ParameterNotFound":
            raise
        return None


def _read(aws: AWS, path: str) -> str:
    return aws.ask(aws.ssm.get_parameter, Name=path, WithDecryption=True)["Parameter"]["Value"]

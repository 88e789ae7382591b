"""The portal's settings as operators give them: environment variables, or one Parameter Store path.

In production ``SETTINGS_PARAMETER_PATH`` names a path such as ``/ecdeployer/portal``: every parameter below
it, read by GetParametersByPath at start, becomes a variable of the same name unless that is set already.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast
from urllib.parse import unquote, urlsplit

from environs import Env, EnvValidationError
from marshmallow import ValidationError
from marshmallow.validate import Range

from .aws.portal_settings import read_settings
from .git import host_keys

#: Secrets of so few characters would take pieces out of ordinary words.
_SHORT = 7
#: Where a URL without a password has a name, and no key, before its @.
_NAMED = {"sqlite", "postgres", "postgresql", "redis", "rediss", "smtp", "smtp+tls"}
DEFAULT_INSTANCE_TYPES = ["t3.micro", "t3.small", "t3.medium", "t3.large"]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Every setting that an operator can give, typed and checked."""

    secret_key: str
    secret_key_fallbacks: list[str]
    debug: bool
    portal_url: str
    instance_portal_url: str
    allowed_hosts: list[str]
    trusted_proxies: int
    database_url: str
    redis_url: str
    aws_region: str
    aws_endpoint_url: str | None
    instance_aws_endpoint_url: str | None
    resource_prefix: str
    base_ami_parameter: str
    instance_types: list[str]
    machines: int
    machines_per_owner: int
    monthly_usd: Decimal | None
    monthly_usd_per_owner: Decimal | None
    agents: str
    cloudwatch_namespace: str
    cloudwatch_agent: bool
    sign_up: bool
    first_operator_sha256: str
    github_client_id: str
    github_client_secret: str
    git_hosts: list[str]
    git_known_hosts: str
    alert_hosts: list[str]
    github_api_url: str
    push_poll_seconds: int
    accept_root_manage: bool
    machine_python: str
    python_downloads: bool
    email_url: str
    email_from: str
    static_root: str
    static_bucket: str
    log_level: str
    log_format: str
    metrics_token: str
    metrics_directory: str
    sentry_dsn: str

    def secrets(self) -> list[str]:
        """The values that must stand in no log."""
        urls = (self.database_url, self.redis_url, self.email_url, self.sentry_dsn)
        found = [self.secret_key, *self.secret_key_fallbacks, self.github_client_secret, self.metrics_token]
        found += [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
        for parts in map(urlsplit, urls):
            # The key of a DSN stands where others have a name.
            given = parts.password or ("" if parts.scheme in _NAMED else parts.username) or ""
            found += [given, unquote(given)]
        return sorted({secret for secret in found if len(secret) > _SHORT})


def load(default_directory: str) -> Configuration:
    """Read the configuration; a missing or wrong setting ends the process with one line that names it."""
    env = Env(eager=False)
    try:
        read_settings(os.environ)
        configuration = _read(env, default_directory)
        env.seal()
    except EnvValidationError as error:
        sys.exit(f"ecdeployer: {_one_line(error)}")
    if bool(configuration.github_client_id) != bool(configuration.github_client_secret):
        sys.exit("ecdeployer: GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET: one is set; set both, or neither")
    if configuration.cloudwatch_agent and not configuration.cloudwatch_namespace:
        sys.exit("ecdeployer: CLOUDWATCH_AGENT: it is on without a CLOUDWATCH_NAMESPACE; set that, too")
    return configuration


def _one_line(error: EnvValidationError) -> str:
    # Sealing collects the messages of each variable by its name.
    by_name = cast("Mapping[str, list[str]]", error.error_messages)
    return "; ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in by_name.items())


def _read(env: Env, default_directory: str) -> Configuration:
    portal_url = env.str("PORTAL_URL", validate=_is_origin) or ""
    endpoint = env.str("AWS_ENDPOINT_URL", None, validate=_is_url("http", "https"))
    return Configuration(
        secret_key=env.str("SECRET_KEY", validate=_is_long_enough),
        secret_key_fallbacks=env.list("SECRET_KEY_FALLBACKS", []),
        debug=env.bool("DEBUG", False),
        portal_url=portal_url.rstrip("/"),
        instance_portal_url=(env.str("INSTANCE_PORTAL_URL", None, validate=_is_origin) or portal_url).rstrip(
            "/"
        ),
        allowed_hosts=env.list(
            "ALLOWED_HOSTS", [], validate=_is_list_of(r"\.?[\w.-]+|\[[0-9a-f:]+\]|\*", "host names")
        ),
        trusted_proxies=env.int("TRUSTED_PROXIES", 0, validate=Range(min=0, max=9)),
        database_url=env.str(
            "DATABASE_URL",
            f"sqlite:///{default_directory}/ecdeployer.sqlite3",
            validate=_is_url("sqlite", "postgres", "postgresql"),
        ),
        redis_url=env.str("REDIS_URL", "redis://127.0.0.1:6379/0", validate=_is_url("redis", "rediss")),
        aws_region=env.str(
            "AWS_REGION",
            "eu-west-1",
            validate=_is_like(r"[a-z]{2,3}(-[a-z]+)+-\d", "a region such as eu-west-1"),
        ),
        aws_endpoint_url=endpoint,
        instance_aws_endpoint_url=env.str(
            "INSTANCE_AWS_ENDPOINT_URL", endpoint, validate=_is_url("http", "https")
        ),
        resource_prefix=env.str(
            "RESOURCE_PREFIX",
            "ecdeployer",
            validate=_is_like(r"[a-z][a-z0-9-]{0,29}", "lower-case letters and hyphens, at most 30"),
        ),
        base_ami_parameter=env.str("BASE_AMI_PARAMETER", "/aws/service/debian/release/12/latest/amd64"),
        instance_types=env.list(
            "INSTANCE_TYPES",
            DEFAULT_INSTANCE_TYPES,
            validate=_is_list_of(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "instance types such as t3.micro"),
        ),
        machines=env.int("MACHINES", 50, validate=Range(min=0)),
        machines_per_owner=env.int("MACHINES_PER_OWNER", 10, validate=Range(min=0)),
        monthly_usd=env.decimal("MONTHLY_USD", None, validate=Range(min=0)),
        monthly_usd_per_owner=env.decimal("MONTHLY_USD_PER_OWNER", None, validate=Range(min=0)),
        agents=env.str("AGENTS", "required", validate=_is_one_of("required", "skip")),
        cloudwatch_namespace=env.str(
            "CLOUDWATCH_NAMESPACE",
            "",
            validate=_is_like(
                r"(?!AWS/)[A-Za-z0-9._/#:-]{0,255}",
                "letters, digits and . - _ / # : that do not begin with AWS/",
            ),
        ),
        cloudwatch_agent=env.bool("CLOUDWATCH_AGENT", False),
        sign_up=env.bool("SIGN_UP", False),
        first_operator_sha256=env.str(
            "FIRST_OPERATOR_SHA256",
            "",
            validate=_is_like(r"([0-9a-f]{64})?", "a SHA-256 as 64 lower-case hexadecimal digits"),
        ),
        github_client_id=env.str("GITHUB_CLIENT_ID", ""),
        github_client_secret=env.str("GITHUB_CLIENT_SECRET", ""),
        git_hosts=env.list(
            "GIT_HOSTS",
            ["github.com"],
            validate=_is_list_of(
                r"((https?|ssh)://)?[\w.-]+(:\d+)?/?", "host names, http://HOST:PORT or ssh://HOST:PORT"
            ),
        ),
        git_known_hosts=env.str("GIT_KNOWN_HOSTS", "", validate=_are_host_keys),
        alert_hosts=env.list(
            "ALERT_HOSTS",
            [],
            validate=_is_list_of(r"https?://[\w.-]+(:\d+)?", "https://HOST or http://HOST:PORT"),
        ),
        github_api_url=(
            env.str("GITHUB_API_URL", "https://api.github.com", validate=_is_url("http", "https")) or ""
        ).rstrip("/"),
        push_poll_seconds=env.int("PUSH_POLL_SECONDS", 300, validate=_is_zero_or_at_least(10)),
        accept_root_manage=env.bool("ACCEPT_ROOT_MANAGE", False),
        machine_python=env.str(
            "MACHINE_PYTHON", "3.11", validate=_is_like(r"3\.\d{1,2}", "a version such as 3.11")
        ),
        python_downloads=env.bool("PYTHON_DOWNLOADS", True),
        email_url=env.str("EMAIL_URL", None, validate=_is_url("smtp", "smtp+tls")) or "",
        email_from=env.str("EMAIL_FROM", "ecdeployer@localhost"),
        static_root=env.str("STATIC_ROOT", f"{default_directory}/staticfiles"),
        static_bucket=env.str(
            "STATIC_BUCKET", "", validate=_is_like(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", "a bucket's name")
        ),
        log_format=env.str(
            "LOG_FORMAT",
            "json" if portal_url.startswith("https") else "line",
            validate=_is_one_of("json", "line"),
        ),
        metrics_directory=env.str("METRICS_DIRECTORY", ""),
        metrics_token=env.str("METRICS_TOKEN", "", validate=_is_empty_or_long),
        sentry_dsn=env.str("SENTRY_DSN", None, validate=_is_url("http", "https")) or "",
        log_level=env.str("LOG_LEVEL", "INFO", validate=_is_one_of("DEBUG", "INFO", "WARNING", "ERROR")),
    )


def _is_url(*schemes: str) -> Callable[[str | None], bool]:
    def check(value: str | None) -> bool:
        if value is None:
            return True
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.netloc or parts.scheme == "sqlite"):
            raise ValidationError(
                f"found {value.split('@')[-1]!r}, expected a URL that begins with {' or '.join(schemes)} and ://"
            )
        return True

    return check


def _is_origin(value: str | None) -> bool:
    """A URL without a path: links are made by putting one behind it."""
    _is_url("http", "https")(value)
    if value is not None and (urlsplit(value).path.strip("/") or set(value) & set("?#")):
        raise ValidationError(
            f"found {value!r}, expected a URL without a path, such as https://portal.example.com"
        )
    return True


def _is_like(pattern: str, expected: str) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        if not re.fullmatch(pattern, value):
            raise ValidationError(f"found {value!r}, expected {expected}")
        return True

    return check


def _is_list_of(pattern: str, expected: str) -> Callable[[list[str]], bool]:
    def check(values: list[str]) -> bool:
        return all(_is_like(pattern, f"{expected}, with commas between")(value) for value in values)

    return check


def _is_one_of(*choices: str) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        if value not in choices:
            raise ValidationError(f"found {value!r}, expected one of {', '.join(choices)}")
        return True

    return check


def _are_host_keys(value: str) -> bool:
    try:
        host_keys.with_published(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    return True


def _is_zero_or_at_least(least: int) -> Callable[[int], bool]:
    def check(value: int) -> bool:
        if value and value < least:
            raise ValidationError(f"found {value}, expected 0 for never, or at least {least}")
        return True

    return check


def _is_empty_or_long(value: str) -> bool:
    if value and len(value) < 20:
        raise ValidationError("is shorter than 20 characters: make one with `openssl rand -hex 20`")
    return True


def _is_long_enough(value: str) -> bool:
    if len(value) < 50:
        raise ValidationError("is shorter than 50 characters: make one with `openssl rand -base64 48`")
    return True

"""The parameters file: read, checked as a whole, and turned into what the templates take."""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).with_name("parameters.example.toml")
REQUIRED = (
    "region",
    "domain",
    "hosted_zone_id",
    "repository",
    "connection_arn",
    "operator_email",
    "budget_usd",
)
#: What CloudWatch Logs accepts, up to ten years.
_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_WORDS = {str: "text in quotes", int: "a whole number, without quotes", bool: "true or false, without quotes"}


class ParametersError(Exception):
    """Everything that is wrong with the file, a line each."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        count = len(self.problems)
        head = f"{path}: {count} thing{'s' if count > 1 else ''} to correct"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


@dataclass(frozen=True)
class Rule:
    """What a value must be beside its type, and how to say so."""

    holds: Callable[[Any], bool]
    advice: str


def _like(pattern: str, advice: str) -> Rule:
    return Rule(lambda value: re.fullmatch(pattern, value) is not None, advice)


def _between(low: int, high: int) -> Rule:
    return Rule(lambda value: low <= value <= high, f"choose {low:,} to {high:,}")


RULES: Mapping[str, Rule] = {
    "prefix": _like(
        # Parameter Store has no name that begins with either.
        r"(?!aws|ssm)[a-z](-?[a-z0-9]){0,19}",
        "use lower-case letters, digits and single hyphens, at most 20, a letter first, and not aws or ssm",
    ),
    "region": _like(r"[a-z]{2,3}(-[a-z]+)+-\d", "name a region such as eu-west-1"),
    "domain": _like(
        # ACM's certificates have no room for more.
        rf"(?=.{{1,64}}$)({_LABEL}\.)+[a-z]{{2,63}}",
        "name a host in lower case, at most 64 letters, such as portal.example.com",
    ),
    "hosted_zone_id": _like(
        r"Z[A-Z0-9]{1,31}", "take the id from `aws route53 list-hosted-zones`, without /hostedzone/"
    ),
    "repository": _like(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}", "write owner/name, as GitHub has it"),
    "branch": _like(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}", "name a branch such as main"),
    "connection_arn": _like(
        r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]{36}",
        "take the ARN from `aws codeconnections list-connections`",
    ),
    "operator_email": _like(r"[^@\s\"']+@[^@\s\"']+\.[^@\s\"']+", "write an e-mail address"),
    "machines": _between(1, 10),
    "machine_type": _like(
        r"[a-z][a-z0-9]*\.[a-z0-9]+", "name an x86 instance type such as t3.small: the image is for amd64"
    ),
    "database_class": _like(r"db\.[a-z0-9]+\.[a-z0-9]+", "name a class such as db.t4g.micro"),
    "database_storage_gb": _between(20, 16_384),
    "redis_node_type": _like(r"cache\.[a-z0-9]+\.[a-z0-9]+", "name a type such as cache.t4g.micro"),
    "log_retention_days": Rule(
        lambda value: value in _RETENTIONS, f"choose one of {', '.join(map(str, _RETENTIONS))}"
    ),
    "backup_retention_days": _between(1, 35),
    "budget_usd": _between(1, 1_000_000),
}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The file's keys; ``parameters.example.toml`` says what each is."""

    prefix: str
    region: str
    domain: str
    hosted_zone_id: str
    repository: str
    branch: str
    connection_arn: str
    operator_email: str
    machines: int
    machine_type: str
    database_class: str
    database_multi_zone: bool
    database_storage_gb: int
    redis_node_type: str
    log_retention_days: int
    backup_retention_days: int
    budget_usd: int

    def for_root(self) -> dict[str, str]:
        """As the root template names them; the region is where the stack stands."""
        names = [field.name for field in fields(self) if field.name != "region"]
        return {_camel(name): _text(getattr(self, name)) for name in names}


def read(path: Path) -> Parameters:
    """Raises ParametersError, which names every mistake at once."""
    given = _load(path)
    example = _load(EXAMPLE)
    problems = [*_unknown(given, example), *_missing(given, example)]
    problems += [
        problem for key in example if key in given for problem in _wrong(key, given[key], example[key])
    ]
    if problems:
        raise ParametersError(path, problems)
    return Parameters(**{**example, **given})


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ParametersError(path, [f"cannot be read: {error.strerror}. Copy {EXAMPLE} there"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParametersError(path, [f"is not TOML: {error}"]) from None


def _unknown(given: Mapping[str, Any], example: Mapping[str, Any]) -> list[str]:
    problems = []
    for key in given.keys() - example.keys():
        close = difflib.get_close_matches(key, example, n=1)
        problems.append(
            f"{key}: not a parameter" + (f"; did you mean {close[0]}?" if close else "; remove it")
        )
    return sorted(problems)


def _missing(given: Mapping[str, Any], example: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: missing; add it, such as {key} = {_toml(example[key])}"
        for key in REQUIRED
        if key not in given
    ]


def _wrong(key: str, value: Any, like: Any) -> list[str]:
    kind = type(like)
    if type(value) is not kind:
        return [f"{key}: found {_toml(value)}; write {_WORDS[kind]}, such as {_toml(like)}"]
    rule = RULES.get(key)
    return [] if rule is None or rule.holds(value) else [f"{key}: found {_toml(value)}; {rule.advice}"]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))

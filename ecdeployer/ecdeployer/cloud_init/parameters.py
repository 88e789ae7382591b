"""What one machine, or one image, is told. The page docs/user-data-contract.md describes every field."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import nginx, scripts, supervisor

VERSION = 1

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MODULE = re.compile(r"[\w-]+(\.[\w-]+)*")
_DIRECTORY = re.compile(r"\.|[\w][\w. +-]*(/[\w][\w. +-]*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICES = frozenset({"postgresql", "redis", "celery"})


class ParameterError(ValueError):
    """A parameter that no machine may be given; the text names the field."""


@dataclass(frozen=True, kw_only=True)
class DeploymentParameters:
    """One deployment, for first boot and for Run Command alike.

    ``requirement_sources`` are pairs of kind and path from the repository's root; ``placeholders`` are pairs
    of name and value for variables that the settings module wants at import and nobody has set. ``document``
    names the Run Command document that a new machine takes its scripts from, ``document_version`` the version
    there that its portal made. ``deploy_key`` is the path of the parameter that holds the repository's key,
    ``known_hosts`` the host keys that it may be shown to.
    ``maintenance`` is what ``user_data/maintenance.py`` is told; empty where nobody has ever wanted any.
    ``rollback_to`` names the kept release that is to serve again, which is then ``release`` too; empty for
    a deployment of a commit. ``addresses`` are the site's own beside those that the machine knows of itself.
    ``processes`` are pairs of a name and the line that a shell of the site's user
    runs, in the directory of ``procfile`` where there is one. ``schedules`` are an id, the time in systemd's
    words, and the words for manage.py; of two lists the one of the later revision stays.
    """

    deployment: str
    application: str
    release: str
    report_url: str
    report_token: str = field(repr=False)
    region: str
    aws_endpoint_url: str | None
    parameter_path: str
    repository: str
    commit: str
    branch: str
    project_name: str
    project_directory: str
    settings_module: str
    wsgi_module: str
    asgi_module: str
    document_version: str
    interface: str = "wsgi"
    python: str = ""
    requirement_sources: Sequence[tuple[str, str]] = ()
    services: Sequence[str] = ()
    database: str = ""
    health_path: str = "/"
    placeholders: Sequence[tuple[str, str]] = ()
    document: str = "ecdeployer-deploy"
    rollback_to: str = ""
    deploy_key: str = ""
    known_hosts: str = ""
    confirm_migrations: bool = False
    confirmed_plan: str = ""
    addresses: Sequence[str] = ()
    maintenance: Mapping[str, Any] = field(default_factory=dict)
    processes: Sequence[tuple[str, str]] = ()
    procfile: str = ""
    release_command: str = ""
    schedules: Sequence[tuple[str, str, Sequence[str]]] = ()
    schedules_revision: int = 0

    def __post_init__(self) -> None:
        for name, holds in _CHECKS.items():
            value = getattr(self, name)
            if not holds(value):
                shown = "" if name == "report_token" else f": {value!r}"
                raise ParameterError(f"{name} cannot be sent to a machine{shown}")
        if self.rollback_to not in {"", self.release}:
            raise ParameterError(f"rollback_to cannot be sent to a machine: {self.rollback_to!r}")

    def to_json(self) -> str:
        """One line of ASCII."""
        document = {"version": VERSION, **asdict(self)}
        document["scripts"] = hashlib.sha256(scripts.archive().encode()).hexdigest()
        document["nginx"] = nginx.render(self.release, check=nginx.check_token(self.report_token))
        document["supervisor"] = supervisor.render(self.release)
        document["programs"] = supervisor.render_processes(self.release, [name for name, _ in self.processes])
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True, kw_only=True)
class ImageParameters:
    """``agents``: "required" on AWS, where an image without them is worth nothing; "skip" elsewhere.

    ``cloudwatch_namespace``: where the CloudWatch agent puts a machine's figures; empty for no such agent.
    """

    agents: str
    region: str
    cloudwatch_namespace: str = ""

    def __post_init__(self) -> None:
        if self.agents not in {"required", "skip"}:
            raise ParameterError(f"agents: {self.agents!r} is neither required nor skip")
        if not _matches(r"[a-z]{2}(-[a-z]+)+-\d")(self.region):
            raise ParameterError(f"region: {self.region!r} is no region")
        if not _matches(r"[A-Za-z0-9._/#:-]{0,255}")(self.cloudwatch_namespace):
            raise ParameterError(f"cloudwatch_namespace: {self.cloudwatch_namespace!r} is no namespace")

    def to_json(self) -> str:
        """What the script itself reads."""
        document = {"version": VERSION, "agents": self.agents, "region": self.region}
        return json.dumps(document, separators=(",", ":"))


def _matches(pattern: str | re.Pattern[str]) -> Callable[[object], bool]:
    """Whether text is all of the pattern; classes like ``\\d`` mean ASCII in a pattern given as a string."""
    compiled = re.compile(pattern, re.ASCII) if isinstance(pattern, str) else pattern
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_module(value: object) -> bool:
    return value == "" or _matches(_MODULE)(value)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and (value == "" or value.isprintable())


def _is_inside(value: object) -> bool:
    """A directory or file below the repository's root, or ``.`` for the root itself."""
    return isinstance(value, str) and _matches(_DIRECTORY)(value) and ".." not in value.split("/")


def _are_sources(value: object) -> bool:
    return isinstance(value, Sequence) and all(
        len(pair) == 2 and _matches(r"[a-z0-9._-]+")(pair[0]) and _is_inside(pair[1]) for pair in value
    )


def _are_services(value: object) -> bool:
    return isinstance(value, Sequence) and _SERVICES.issuperset(value)


def _are_addresses(value: object) -> bool:
    return isinstance(value, Sequence) and all(_matches(r"\d{1,3}(\.\d{1,3}){3}")(each) for each in value)


def _are_placeholders(value: object) -> bool:
    return isinstance(value, Sequence) and all(
        len(pair) == 2 and _matches(_VARIABLE)(pair[0]) and isinstance(pair[1], str) and "\0" not in pair[1]
        for pair in value
    )


def _is_maintenance(value: object) -> bool:
    """The machine reads it again."""
    names = {"revision", "on", "around", "retry_after", "message", "addresses"}
    if value == {}:
        return True
    if not isinstance(value, Mapping) or set(value) != names:
        return False
    return (
        all(isinstance(value[name], bool) for name in ("on", "around"))
        and all(type(value[name]) is int and value[name] > 0 for name in ("revision", "retry_after"))
        and isinstance(value["message"], str)
        and isinstance(value["addresses"], Sequence)
        and all(_matches(r"[0-9a-f.:/]{2,50}")(each) for each in value["addresses"])
    )


def _are_processes(value: object) -> bool:
    return isinstance(value, Sequence) and all(
        len(pair) == 2 and _matches(r"[A-Za-z0-9_-]{1,40}")(pair[0]) and pair[1] and _is_line(pair[1])
        for pair in value
    )


def are_schedules(value: object) -> bool:
    return isinstance(value, Sequence) and all(
        len(each) == 3
        and _matches(_UUID)(each[0])
        and _matches(r"[A-Za-z0-9,*: -]{1,600}")(each[1])
        and isinstance(each[2], Sequence)
        and all(isinstance(word, str) and "\0" not in word for word in each[2])
        for each in value
    )


_CHECKS: dict[str, Callable[[object], bool]] = {
    "deployment": _matches(_UUID),
    "application": _matches(_UUID),
    "release": _matches(r"\d{6,9}"),
    "report_url": _matches(r"https?://[^\s\"'\\]+"),
    "report_token": _matches(r"[\w.~+/=-]{16,200}"),
    "region": _matches(r"[a-z]{2}(-[a-z]+)+-\d"),
    "aws_endpoint_url": lambda value: value is None or _matches(r"https?://[\w.:\[\]/-]+")(value),
    "parameter_path": _matches(r"/[\w./-]{1,500}"),
    "repository": _matches(r"(https?://|ssh://git@)[\w.~:@/%+-]+"),
    "deploy_key": _matches(r"(/[\w./-]{1,500})?"),
    "known_hosts": _matches(r"[\n -~]{0,8000}"),
    "commit": _matches(r"[0-9a-f]{40}"),
    "branch": _is_line,
    "project_name": _is_line,
    "project_directory": _is_inside,
    "settings_module": lambda value: value != "" and _is_module(value),
    "wsgi_module": _is_module,
    "asgi_module": _is_module,
    "interface": lambda value: value in {"wsgi", "asgi"},
    "python": _matches(r"[\d.*,<>=!~ ]{0,100}"),
    "requirement_sources": _are_sources,
    "services": _are_services,
    "database": _matches(r"[a-z]{0,20}"),
    "health_path": _matches(r"/(?!/)[!-~]{0,300}"),
    "placeholders": _are_placeholders,
    "document": _matches(r"[\w.-]{3,128}"),
    "document_version": _matches(r"[0-9a-f]{32}"),
    "rollback_to": _matches(r"(\d{6,9})?"),
    "confirm_migrations": lambda value: isinstance(value, bool),
    "confirmed_plan": _matches(r"([0-9a-f]{64})?"),
    "addresses": _are_addresses,
    "maintenance": _is_maintenance,
    "processes": _are_processes,
    "procfile": lambda value: value == "" or _is_inside(value),
    "release_command": _is_line,
    "schedules": are_schedules,
    "schedules_revision": lambda value: isinstance(value, int) and value >= 0,
}

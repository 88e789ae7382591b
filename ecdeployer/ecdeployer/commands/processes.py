"""What runs on an application's machine, as the machine told last."""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from ..applications.models import Application
from ..deployments import releases
from ..deployments.models import Deployment
from ..instances.states import InstanceState
from ..preflight.facts import Facts
from .models import Command
from .states import CommandState

#: What was told longer ago is asked for again when somebody looks.
FRESH = timedelta(seconds=15)
MOST = 40
WEB = "web"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_STATES = {"STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL", "UNKNOWN"}
_ACTIONS = (Command.Action.PROCESSES, Command.Action.RESTART)


@dataclass(frozen=True, kw_only=True)
class Process:
    """``line`` is empty for what the portal starts itself; ``state`` is supervisor's word, empty before it
    was told. ``memory`` in MiB, ``since`` when it started, or ended.
    """

    name: str
    line: str = ""
    state: str = ""
    since: dt.datetime | None = None
    pid: int = 0
    memory: int = 0
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a schedule."""

    at: dt.datetime
    seconds: float
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a machine printed: processes by name, its revision of the schedules, and their last runs by id."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    schedules_revision: int | None = None
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """``asked`` has not been answered yet; ``failure`` is why the newest question or restart failed."""

    processes: Sequence[Process]
    release: Deployment | None
    asked: Command | None
    told_at: dt.datetime | None
    schedules_revision: int | None = None
    runs: Mapping[str, Sequence["Run"]] = field(default_factory=dict)
    failure: str = ""

    @property
    def can_ask(self) -> bool:
        """Whether there is a machine that would answer, and no question under way."""
        if self.asked or self.release is None or self.release.application.terminate_requested_at:
            return False
        return self.release.instance.state == InstanceState.RUNNING

    @property
    def is_stale(self) -> bool:
        """Whether it is worth a question; one that has just failed is not asked again by itself."""
        if not self.can_ask or self.failure:
            return False
        return self.told_at is None or self.told_at < timezone.now() - FRESH


def read(application: Application) -> Reading:
    """Three queries."""
    live = releases.live(application)
    asked = Command.objects.filter(application=application, action__in=_ACTIONS)
    commands = list(asked.prefetch_related("parts")[:5])
    told, told_at = _newest_told(commands)
    newest = commands[0] if commands else None
    return Reading(
        processes=_merge(live, told.processes),
        schedules_revision=told.schedules_revision,
        runs=told.runs,
        release=live,
        asked=next((each for each in commands if not each.is_final), None),
        told_at=told_at,
        failure=_failure(newest) if newest and newest.state == CommandState.FAILED else "",
    )


def _newest_told(commands: Sequence[Command]) -> tuple[Told, dt.datetime | None]:
    for command in commands:
        if command.state == CommandState.SUCCEEDED:
            told = parse(_output(command))
            if told is not None:
                return told, command.finished_at
    return Told(), None


def _output(command: Command) -> str:
    return "".join(part.text for part in command.parts.all())


def _failure(command: Command) -> str:
    lines = _output(command).strip().splitlines()
    return command.reason or (lines[-1][:600] if lines else "The machine gave no answer.")


def _merge(live: Deployment | None, told: Mapping[str, Process]) -> list[Process]:
    """What the release that is live declares, then what else the machine has."""
    if live is None:
        return []
    facts = Facts.from_dict(live.facts) if live.facts else None
    lines = {WEB: "", **dict(facts.processes if facts else ())}
    found = [
        Process(**{**vars(told.get(name, Process(name=name))), "line": line}) for name, line in lines.items()
    ]
    return [*found, *(process for name, process in told.items() if name not in lines)]


def parse(output: str) -> Told | None:
    """The last line of what the machine printed; None for what no machine of ours says."""
    try:
        document = json.loads(output.strip().rpartition("\n")[2])
        rows, scheduled = document["processes"][:MOST], document["schedules"]
        runs = {
            str(UUID(name)): [_run(run) for run in each[:MOST]] for name, each in scheduled["runs"].items()
        }
        revision = _number(scheduled["revision"])
        return Told(
            processes={row["name"]: _process(row) for row in rows}, schedules_revision=revision, runs=runs
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        return None


def _process(row: Mapping[str, Any]) -> Process:
    name, state = row["name"], row["state"]
    since, pid, memory, code = (_number(row[key]) for key in ("since", "pid", "memory", "exit"))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or state not in _STATES:
        raise ValueError("not a process")
    moment = _moment(since) if since > 0 else None
    return Process(name=name, state=state, since=moment, pid=pid, memory=memory, exit_code=code)


def _run(row: Mapping[str, Any]) -> Run:
    seconds = float(row["seconds"])
    if not 0 <= seconds < 1e6:
        raise ValueError("not a time")
    return Run(at=_moment(_number(row["at"])), seconds=seconds, exit_code=_number(row["exit"]))


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -256 <= value < 1 << 33:
        raise ValueError("not a number")
    return value

"""Moving what a site keeps from its machine to another, step by step (docs/decisions/0024-moving-a-site.md).

Every function here may be called any number of times: what a machine is to do is asked once for a move, the
answer is None or False until it is done, and MoveError when it cannot be done. Whoever carries a move calls
`carry` until it is true, moves the address while `hold` is true, and calls `resume` where something fails
before. A machine that hears nothing more serves again by itself when its lease ends, unless its address was
moved.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..instances.models import Instance
from . import queue
from .models import Command
from .states import CommandState

Action = Command.Action
#: How long a site stands still when nobody says more, and how old the last word may be.
LEASE, RENEWAL = timedelta(minutes=3), timedelta(minutes=1)
#: Bytes a second that are counted upon, and that the smallest machines reach with ease.
SURE = 5_000_000
#: A machine that claims more has been taken over.
MOST = 1 << 50
_LONGEST = 3 * 3600
_KEY = re.compile(r"[A-Za-z0-9+/=]{20,120}")


class MoveError(Exception):
    """The step cannot be done; the text says why, for the person."""


def measure(old: Instance, *, move: UUID) -> int | None:
    """How many bytes the site keeps, about. 0: there is nothing to move, and nobody has to wait."""
    answer = _asked(old, Action.MEASURE, move)
    if answer is None:
        return None
    sizes = answer.get("bytes")
    if not isinstance(sizes, dict) or not all(
        type(size) is int and 0 <= size <= MOST for size in sizes.values()
    ):
        raise MoveError("The machine does not say how much the site keeps.")
    return sum(sizes.values())


def carry(old: Instance, new: Instance, *, move: UUID) -> bool:
    """What the old machine keeps is on the new one, which serves with it; the old one stands still.

    Where there is nothing to move, the old one goes on serving.
    """
    size = measure(old, move=move)
    if size is None:
        return False
    return not size or (_hand_over(old, new, move, size) and _take_over(old, new, move, size))


def _hand_over(old: Instance, new: Instance, move: UUID, size: int) -> bool:
    expected = _asked(new, Action.EXPECT, move)
    if expected is None:
        return False
    arguments = {"key": _key(expected), "lease": LEASE.total_seconds()}
    return _asked(old, Action.HAND_OVER, move, arguments, seconds=_seconds(size)) is not None


def _take_over(old: Instance, new: Instance, move: UUID, size: int) -> bool:
    """The old machine hears meanwhile that somebody still cares."""
    handed = _asked(old, Action.HAND_OVER, move) or {}
    arguments = {"key": _key(handed), "source": str(old.private_ip)}
    taken = _asked(new, Action.TAKE_OVER, move, arguments, seconds=_seconds(size))
    return hold(old, move=move) and taken is not None


def hold(old: Instance, *, move: UUID) -> bool:
    """The site has stood still all the time, and does so for two minutes more: its address may move.

    True as well where it never had to.
    """
    if _found(old, Action.HAND_OVER, move) is None:
        return True
    arguments = {"lease": LEASE.total_seconds()}
    return _asked(old, Action.HOLD, move, arguments, since=timezone.now() - RENEWAL) is not None


def resume(old: Instance, *, move: UUID) -> bool:
    """The site serves again where it did; at once where it never stood still."""
    if _found(old, Action.HAND_OVER, move) is None:
        return True
    return _asked(old, Action.RESUME, move, seconds=180) is not None


def _asked(
    machine: Instance,
    action: Command.Action,
    move: UUID,
    arguments: Mapping[str, Any] | None = None,
    *,
    seconds: int = 120,
    since: datetime | None = None,
) -> dict[str, Any] | None:
    """The machine's answer; None while it is awaited. Raises MoveError."""
    command = _found(machine, action, move, since) or _put(machine, action, move, arguments, seconds, since)
    if not command.is_final:
        return None
    if command.state != CommandState.SUCCEEDED:
        raise MoveError(_why(command))
    try:
        answer = json.loads(command.output.splitlines()[-1])
    except (ValueError, IndexError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise MoveError(f"The machine was asked to {command.get_action_display()}, and gave no answer.")
    return answer


def _found(machine: Instance, action: str, move: UUID, since: datetime | None = None) -> Command | None:
    """The newest; `since`: one that ended before is none."""
    commands = Command.objects.filter(instance=machine, action=action, arguments__move=str(move))
    if since is not None:
        commands = commands.exclude(created_at__lt=since, finished_at__isnull=False)
    return commands.first()


def _put(
    machine: Instance,
    action: Command.Action,
    move: UUID,
    arguments: Mapping[str, Any] | None,
    seconds: int,
    since: datetime | None,
) -> Command:
    """Once, though two workers come here together."""
    with transaction.atomic():
        Instance.objects.select_for_update().get(pk=machine.pk)
        there = _found(machine, action, move, since)
        return there or queue.put(machine, action, {"move": str(move), **(arguments or {})}, seconds=seconds)


def _why(command: Command) -> str:
    """The last lines that the machine has said, the program's and our own, or why there are none."""
    lines = [line.strip() for line in command.output.splitlines() if line.strip()]
    said = command.reason or " ".join(lines[-3:])[-500:] or f"exit code {command.exit_code}"
    return f"The machine was asked to {command.get_action_display()}: {said}"


def _key(answer: Mapping[str, Any]) -> str:
    key = answer.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise MoveError("The machine does not say which key it has made.")
    return key


def _seconds(size: int) -> int:
    return min(300 + size // SURE, _LONGEST)

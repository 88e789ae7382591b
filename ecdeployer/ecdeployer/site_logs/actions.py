"""What a person asks of an application's logs: a command that its machine answers with their lines."""

from django.db import transaction
from django.utils import timezone

from ..accounts.models import User
from ..applications.models import Application, Event
from ..commands import queue
from ..commands.actions import RefusedError
from ..commands.models import Command
from ..commands.states import UNFINISHED
from ..instances.models import Instance
from .queries import machine_of
from .questions import Question

#: Of one machine at once. AWS's agent runs five commands at a time: room stays for a deployment.
FOLLOWED, READ = 2, 3
#: Somewhat more than ``user_data/logs.py`` follows.
_FOLLOWING = 960
_READING = 120


def ask(
    application: Application, question: Question, *, by: User | None, instead_of: Command | None = None
) -> Command:
    """The command that reads it: one that reads the very same already is shared. Raises RefusedError.

    ``instead_of``: what this person looked at. It ends in a moment, unless somebody else looks at it.
    """
    with transaction.atomic():
        machine = _machine_of(application)
        queue.leave(instead_of)
        reading = Command.objects.filter(
            instance=machine, action=Command.Action.LOGS, state__in=UNFINISHED
        ).exclude(wanted_until__lt=timezone.now() + queue.LEFT)
        same = reading.filter(arguments=question.arguments).select_for_update().first()
        if same is not None:
            queue.want(same)
        else:
            _refuse_too_many(list(reading), question)
            same = _put(machine, question, by=by)
        if question.whole:
            Event.objects.create(
                application=application, actor=by, subject="application", verb="log downloaded",
                detail=question.source,
            )  # fmt: skip
    return same


def _put(machine: Instance, question: Question, *, by: User | None) -> Command:
    return queue.put(
        machine,
        Command.Action.LOGS,
        question.arguments,
        by=by,
        seconds=_FOLLOWING if question.follow else _READING,
        while_wanted=question.follow,
    )


def _machine_of(application: Application) -> Instance:
    """Raises RefusedError; the application is held."""
    machine = machine_of(Application.objects.select_for_update().get(pk=application.pk))
    if machine is None:
        raise RefusedError("Logs are read from a machine that runs, and this application has none now.")
    return machine


def _refuse_too_many(reading: list[Command], question: Question) -> None:
    followed = [each for each in reading if each.arguments["follow"]]
    if question.follow and len(followed) >= FOLLOWED:
        names = " and ".join(sorted(each.arguments["source"] for each in followed))
        raise RefusedError(
            f"{FOLLOWED} logs of this machine are followed already: {names}. Follow one of them as it is "
            "asked for there, read without Live, or wait until nobody looks at one any more."
        )
    if not question.follow and len(reading) - len(followed) >= READ:
        raise RefusedError(f"{READ} questions to this machine are not answered yet. Try again in a moment.")

"""What a person asks a machine to do."""

from collections.abc import Sequence

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from ..accounts.models import User
from ..applications.models import Application, Event, Schedule
from ..cloud_init import calendars
from ..deployments import releases
from ..instances.models import Instance
from ..instances.states import InstanceState
from . import processes, queue
from .models import Command
from .queries import SHOWN
from .states import UNFINISHED, CommandState

#: Of one application at once: each is a Django of its own on a small machine.
AT_ONCE = 3
SECONDS = 3600
#: Of one application. They travel with its user data, which is bounded.
SCHEDULES = 20


class RefusedError(Exception):
    """What was asked for cannot be done now; the text says why, for the person."""


class UnknownProcessError(LookupError):
    """The release that is live has no process of this name."""


def manage(application: Application, words: Sequence[str], *, by: User | None) -> Command:
    """Run manage.py with these words in the release that is live. Raises RefusedError."""
    with transaction.atomic():
        instance = _machine_of(application)
        command = queue.put(instance, Command.Action.MANAGE, {"words": list(words)}, by=by, seconds=SECONDS)
        _record(application, by=by, verb="command", detail=command.line[:500])
    return command


def create_superuser(
    application: Application, *, username: str, email: str, password: str, by: User | None
) -> Command:
    """The password is hashed here, as the site's own Django would, and kept nowhere. Raises RefusedError."""
    hashed = PBKDF2PasswordHasher().encode(password, get_random_string(22))
    with transaction.atomic():
        instance = _machine_of(application)
        arguments = {"username": username, "email": email, "password_hash": hashed}
        command = queue.put(instance, Command.Action.SUPERUSER, arguments, by=by, seconds=120)
        _record(application, by=by, verb="superuser", detail=username)
    return command


def ask_processes(application: Application, *, by: User | None) -> Command:
    """Ask the machine what runs; a question that waits is not asked twice. Raises RefusedError.

    It changes nothing, and leaves no event; of old answers none is kept.
    """
    with transaction.atomic():
        instance = _machine_of(application)
        asked = application.commands.filter(action=Command.Action.PROCESSES)
        waiting = asked.filter(state__in=UNFINISHED).first()
        if waiting is not None:
            return waiting
        newest = asked.values_list("pk", flat=True)[:3]
        asked.exclude(pk__in=list(newest)).delete()
        told = processes.read(application).schedules_revision
        if told is not None and told < application.schedules_revision:
            # What it was told did not arrive.
            _send_schedules(application, instance)
        return queue.put(instance, Command.Action.PROCESSES, {}, by=by)


def restart(application: Application, name: str, *, by: User | None) -> Command:
    """Start one process anew; the site's workers one after the other, so that no request is lost.

    Raises RefusedError or UnknownProcessError.
    """
    if name not in {process.name for process in processes.read(application).processes}:
        raise UnknownProcessError(f"No process of the name {name} runs beside the site.")
    with transaction.atomic():
        instance = _machine_of(application)
        if application.commands.filter(action=Command.Action.RESTART, state__in=UNFINISHED).exists():
            raise RefusedError("Another restart is under way. Wait for it.")
        command = queue.put(instance, Command.Action.RESTART, {"name": name}, by=by, seconds=600)
        _record(application, by=by, verb="process restarted", detail=name)
    return command


def save_schedule(
    application: Application,
    words: Sequence[str],
    cron: str,
    *,
    schedule: Schedule | None = None,
    enabled: bool = True,
    by: User | None,
) -> Schedule:
    """Add one, or change this one; its machine learns of it. Raises CalendarError or RefusedError."""
    calendar = calendars.read(cron)
    with transaction.atomic():
        current = Application.objects.select_for_update().get(pk=application.pk)
        verb = "schedule changed" if schedule else "schedule added"
        if schedule is None:
            if current.schedules.count() >= SCHEDULES:
                raise RefusedError(f"There are {SCHEDULES} schedules. Remove one first.")
            schedule = Schedule(application=current)
        schedule.words, schedule.cron, schedule.calendar = list(words), cron, calendar
        schedule.enabled = enabled
        schedule.save()
        _schedules_changed(current, by=by, verb=verb, detail=str(schedule))
    return schedule


def remove_schedule(schedule: Schedule, *, by: User | None) -> None:
    """Its log stays on the machine."""
    with transaction.atomic():
        current = Application.objects.select_for_update().get(pk=schedule.application_id)
        detail = str(schedule)
        schedule.delete()
        _schedules_changed(current, by=by, verb="schedule removed", detail=detail)


def run_schedule(schedule: Schedule, *, by: User | None) -> Command:
    """Now, and beside its times; not while it runs. Raises RefusedError."""
    with transaction.atomic():
        instance = _machine_of(schedule.application)
        if not schedule.enabled:
            raise RefusedError("The schedule is switched off. Switch it on first.")
        arguments = {"schedule": str(schedule.pk), "words": schedule.words}
        command = queue.put(instance, Command.Action.SCHEDULE, arguments, by=by, seconds=SECONDS)
        _record(schedule.application, by=by, verb="schedule run", detail=str(schedule)[:500])
    return command


def _schedules_changed(application: Application, *, by: User | None, verb: str, detail: str) -> None:
    """A machine that runs is told now; another gets them with its next deployment."""
    application.schedules_revision += 1
    application.save(update_fields=["schedules_revision"])
    _record(application, by=by, verb=verb, detail=detail[:500])
    live = releases.live(application)
    if live is not None and live.instance.state == InstanceState.RUNNING:
        _send_schedules(application, live.instance)


def _send_schedules(application: Application, instance: Instance) -> None:
    listed = [schedule.told for schedule in application.schedules.filter(enabled=True)]
    told = {"schedules": listed, "schedules_revision": application.schedules_revision}
    queue.put(instance, Command.Action.SCHEDULES, told)


def cancel(command: Command, *, by: User | None) -> None:
    """Its machine ends it when it reports next. Raises RefusedError when it has ended."""
    with transaction.atomic():
        moved = not command.is_final and command.move(
            CommandState.CANCELLED, reason="It was cancelled.", finished_at=timezone.now(), due_at=None
        )
        if not moved:
            raise RefusedError("The command has ended already.")
        _record(command.application, by=by, verb="command cancelled", detail=command.line[:500])


def _machine_of(application: Application) -> Instance:
    """The machine that serves, with room for one more command; the application is held."""
    current = Application.objects.select_for_update().get(pk=application.pk)
    live = releases.live(current)
    if current.terminate_requested_at or live is None or live.instance.state != InstanceState.RUNNING:
        raise RefusedError("Commands need a machine that runs and a release that is live. Deploy first.")
    if live.instance.changes.filter(state="running").exists():
        raise RefusedError("The machine is changed at the moment. Wait until that is done.")
    if current.commands.filter(state__in=UNFINISHED, action__in=SHOWN).count() >= AT_ONCE:
        raise RefusedError(f"{AT_ONCE} commands are not finished yet. Wait for them, or cancel one.")
    return live.instance


def _record(application: Application, *, by: User | None, verb: str, detail: str) -> None:
    Event.objects.create(application=application, actor=by, subject="application", verb=verb, detail=detail)

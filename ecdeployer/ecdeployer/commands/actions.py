"""What a person asks a machine to do."""

from collections.abc import Sequence

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from ..accounts.models import User
from ..applications.models import Application, Event
from ..deployments import releases
from ..instances.models import Instance
from ..instances.states import InstanceState
from . import queue
from .models import Command
from .queries import SHOWN
from .states import UNFINISHED, CommandState

#: Of one application at once: each is a Django of its own on a small machine.
AT_ONCE = 3
SECONDS = 3600


class RefusedError(Exception):
    """What was asked for cannot be done now; the text says why, for the person."""


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

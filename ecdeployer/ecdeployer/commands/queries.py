"""Commands as pages and the API list and show them."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from ..accounts.models import User
from ..applications.models import Application, Schedule
from .models import Command

#: What people ask for; the rest the portal asks for itself.
SHOWN = (Command.Action.MANAGE, Command.Action.SUPERUSER, Command.Action.SCHEDULE)


def visible_to(user: User) -> QuerySet[Command]:
    return Command.objects.filter(application__in=Application.objects.visible_to(user), action__in=SHOWN)


def listed(application: Application) -> QuerySet[Command]:
    """The newest first."""
    commands = Command.objects.filter(application=application, action__in=SHOWN)
    return commands.select_related("created_by")


def find_schedule(user: User, pk: UUID) -> Schedule:
    """The schedule, or 404 when it belongs to no application that this person may see."""
    visible = Application.objects.visible_to(user)
    schedule = Schedule.objects.select_related("application").filter(pk=pk, application__in=visible).first()
    if schedule is None:
        raise Http404("No schedule of yours has this address.")
    return schedule


def find_command(user: User, pk: UUID) -> Command:
    """The command, or 404 when it belongs to no application that this person may see."""
    command = visible_to(user).select_related("application", "instance", "created_by").filter(pk=pk).first()
    if command is None:
        raise Http404("No command of yours has this address.")
    return command

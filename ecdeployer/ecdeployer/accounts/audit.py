"""What people do with their accounts, in the same record as what happens to applications. Never a secret."""

from typing import Any

from allauth.account import signals as account_signals
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import signals
from django.db.models.signals import post_save
from django.dispatch import receiver

from ..applications.models import Event
from .models import User

_NAME = 150


def note(verb: str, *, by: User | None, detail: str = "", subject: str = "account") -> None:
    Event.objects.create(actor=by, subject=subject, verb=verb, detail=detail)


@receiver(signals.user_logged_in)
def _signed_in(user: User, **_: Any) -> None:
    note("signed in", by=user)


@receiver(signals.user_logged_out)
def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        note("signed out", by=user)


@receiver(signals.user_login_failed)
def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """The name as it was typed: it may be nobody's."""
    name = str(credentials.get("username") or credentials.get("email") or "")
    note("sign-in failed", by=None, detail=name[:_NAME].replace("\0", ""))


@receiver(account_signals.user_signed_up)
def _signed_up(user: User, **_: Any) -> None:
    note("signed up", by=user)


@receiver(account_signals.password_changed)
@receiver(account_signals.password_set)
@receiver(account_signals.password_reset)
def _password(user: User, **_: Any) -> None:
    note("password changed", by=user)


@receiver(post_save, sender=LogEntry)
def _administered(instance: LogEntry, **_: Any) -> None:
    """What operators change in the admin: Django's own log of it, told here too."""
    did = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}[instance.action_flag]
    what = instance.content_type.model if instance.content_type else "record"
    detail = f"{instance.object_repr}: {instance.get_change_message()}"
    note(f"{did} {what}"[:80], by=User.objects.get(pk=instance.user_id), detail=detail, subject="admin")


@receiver(account_signals.email_added)
def _email_added(user: User, email_address: Any, **_: Any) -> None:
    note("e-mail added", by=user, detail=str(email_address.email))


@receiver(account_signals.email_removed)
def _email_removed(user: User, email_address: Any, **_: Any) -> None:
    note("e-mail removed", by=user, detail=str(email_address.email))


@receiver(account_signals.email_confirmed)
def _email_confirmed(email_address: Any, **_: Any) -> None:
    note("e-mail confirmed", by=email_address.user, detail=str(email_address.email))


@receiver(account_signals.email_changed)
def _email(user: User, to_email_address: Any, **_: Any) -> None:
    note("e-mail changed", by=user, detail=str(to_email_address.email))

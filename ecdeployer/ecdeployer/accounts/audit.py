"""What people do with their accounts, in the same record as what happens to applications. Never a secret."""

from typing import Any

from allauth.account import signals as account_signals
from django.contrib.auth import signals
from django.dispatch import receiver

from ..applications.models import Event
from .models import User

_NAME = 150


def note(verb: str, *, by: User | None, detail: str = "") -> None:
    Event.objects.create(actor=by, subject="account", verb=verb, detail=detail)


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


@receiver(account_signals.email_changed)
def _email(user: User, to_email_address: Any, **_: Any) -> None:
    note("e-mail changed", by=user, detail=str(to_email_address.email))

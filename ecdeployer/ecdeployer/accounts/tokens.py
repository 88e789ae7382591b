"""Tokens of the API: made, found by what a request carries, and revoked."""

import hashlib
import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from . import audit
from .models import ApiToken, User

MARK = "ecd_"
#: Of one person, not counting those that are revoked: all of them are on the page that revokes them.
MOST = 50
_SHOWN = len(MARK) + 6
#: ``last_used_at`` is written at most this often for each token.
_NOTED = timedelta(minutes=1)


def create(user: User, *, name: str, days: int) -> tuple[ApiToken, str]:
    """The record, and the token itself, which cannot be had again.

    Raises IntegrityError where the person has a token of this name that is not revoked.
    """
    secret = MARK + secrets.token_urlsafe(32)
    expires_at = timezone.now() + timedelta(days=days)
    token = ApiToken.objects.create(
        user=user, name=name, hash=_hash_of(secret), prefix=secret[:_SHOWN], expires_at=expires_at
    )
    audit.note("API token made", by=user, detail=f"{name} ({token.prefix}…)")
    return token, secret


def find(secret: str) -> ApiToken | None:
    """The token with its person, when it is good; its use is noted. One query, or two once a minute."""
    now = timezone.now()
    good = ApiToken.objects.filter(revoked_at=None, expires_at__gt=now, user__is_active=True)
    token = good.select_related("user").filter(hash=_hash_of(secret)).first()
    if token is not None and (token.last_used_at is None or token.last_used_at <= now - _NOTED):
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - _NOTED)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


def revoke(token: ApiToken) -> bool:
    """Whether it was good until now."""
    revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    if revoked:
        audit.note("API token revoked", by=token.user, detail=f"{token.name} ({token.prefix}…)")
    return bool(revoked)


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()

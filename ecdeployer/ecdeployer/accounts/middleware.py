"""Where a request comes from, and who sent it."""

import ipaddress
import zoneinfo
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from .. import logs, origin


class OriginMiddleware:
    """What is done while a request is answered came through a page or the API, from an address that is known.

    ALLAUTH_TRUSTED_PROXY_COUNT says how much of X-Forwarded-For to believe.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/reports/"):
            return self.get_response(request)
        through = origin.API if request.path.startswith("/api/") else origin.PAGE
        with origin.bound(through, address=address_of(request)):
            return self.get_response(request)


def address_of(request: HttpRequest) -> str | None:
    """None for what is no address: fewer proxies than were promised, or a forged header."""
    try:
        return str(ipaddress.ip_address(str(get_adapter().get_client_ip(request))))
    except (ValueError, PermissionDenied):
        return None


class PersonMiddleware:
    """Times in the zone that the person chose, and the person's id on every line of the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            logs.bind(user=str(request.user.pk))
        with timezone.override(_zone(getattr(request.user, "time_zone", "UTC"))):
            return self.get_response(request)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    """UTC for a name that this machine's time zone data no longer has."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")

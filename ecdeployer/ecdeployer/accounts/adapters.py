"""The operator's choices about who may sign up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP)

    def login(self, request: HttpRequest, user: Any) -> None:
        """allauth would write down the address of somebody made by a command when its page is looked at."""
        super().login(request, user)
        sync_user_email_address(user)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Who came past fewer proxies than there are is known by the peer: nobody vouches for more."""
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured:
            return str(request.META["REMOTE_ADDR"])


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.SIGN_UP)

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """There is no such address where the operator has not set it up."""
        try:
            return super().get_app(request, provider, client_id=client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error

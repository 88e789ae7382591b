"""Who asks: the person of the token in the Authorization header, and nobody by a cookie."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from .. import logs
from ..accounts import tokens
from ..accounts.models import User


class ApiRequest(HttpRequest):
    """What an endpoint gets."""

    auth: User


class Token(HttpBearer):
    """``Authorization: Bearer ecd_...``, from the page API tokens of the profile."""

    def __call__(self, request: HttpRequest) -> User | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        return self.authenticate(request, secret.strip()) if scheme.lower() == self.openapi_scheme else None

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        found = tokens.find(token)
        if found is None:
            return None
        logs.bind(user=str(found.user_id))
        return found.user

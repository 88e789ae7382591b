"""Programs that use the API."""

from typing import Any

from django.test import Client
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User


class Program(Client):
    """Speaks JSON, as programs do."""

    def post(self, *given: Any, **named: Any) -> Any:
        """Without a body it is JSON's all the same."""
        nothing = ("", "application/json") if len(given) == 1 and "data" not in named else ()
        return super().post(*given, *nothing, **named)


def client_of(person: User, *, raises: bool = False) -> Client:
    """A program that acts as this person."""
    _, secret = tokens.create(person, name="test", days=7)
    return Program(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=raises)

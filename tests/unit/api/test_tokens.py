"""Who may use the API, and what everybody else is told."""

from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import ApiToken, User

LIMITS = "/api/v1/limits"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (None, 'Bearer realm="EC Django Deployer"'),
        ("Bearer ecd_" + "a" * 43, 'Bearer realm="EC Django Deployer", error="invalid_token"'),
        ("Bearer", 'Bearer realm="EC Django Deployer", error="invalid_token"'),
        ("Basic aW5lczpwdw==", 'Bearer realm="EC Django Deployer", error="invalid_token"'),
    ],
)
def test_without_a_good_token_there_is_nothing(ines: User, header: str | None, told: str) -> None:
    headers: dict[str, Any] = {"Authorization": header} if header is not None else {}
    answer = Client(headers=headers).get(LIMITS)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == told
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/api/v1/docs#unauthorized")


def test_a_revoked_token_is_refused_at_once(program: Client) -> None:
    assert program.get(LIMITS).status_code == 200
    tokens.revoke(ApiToken.objects.get())
    assert program.get(LIMITS).status_code == 401


def test_a_session_is_no_token(client: Client, ines: User) -> None:
    client.force_login(ines)
    assert client.get(LIMITS).status_code == 401


def test_the_scheme_may_be_written_small(ines: User) -> None:
    _, secret = tokens.create(ines, name="laptop", days=7)
    assert Client(headers={"Authorization": f"bearer {secret}"}).get(LIMITS).status_code == 200

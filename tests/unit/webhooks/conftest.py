import json
from typing import Any

import pytest
from celery import current_app
from django.http import HttpResponse
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.webhooks import refusals
from ecdeployer.webhooks.models import Webhook
from ecdeployer.webhooks.signatures import sign

from tests.portal_records import make_live, make_person

COMMIT = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"


@pytest.fixture(autouse=True)
def without_counts() -> None:
    refusals._counts.clear()


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What went to the broker."""
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: sent.append((name, args)))
    return sent


@pytest.fixture
def ines(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def application(ines: User) -> Application:
    """Live, from the branch main of example/bakery."""
    return make_live(ines, branch="main").application


@pytest.fixture
def webhook(application: Application) -> Webhook:
    return Webhook.objects.get(pk=application.pk)


def github_push(**changes: Any) -> dict[str, Any]:
    """The parts of GitHub's payload that there are, as its documentation has them."""
    return {
        "ref": "refs/heads/main",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": COMMIT,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {"id": 186853002, "full_name": "example/bakery", "default_branch": "main"},
        "pusher": {"name": "Codertocat", "email": "21031067+Codertocat@users.noreply.github.com"},
        "head_commit": {"id": COMMIT, "message": "Add opening hours\n\nOn Sundays, too."},
        **changes,
    }


def deliver(
    client: Client, webhook: Webhook, payload: Any, *, event: str = "push", **headers: str
) -> HttpResponse:
    """As GitHub does, signed with the webhook's secret unless a header says otherwise."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": sign(webhook.secret, body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    content_type = sent.pop("Content-Type", "application/json")
    return client.post(f"/hooks/{webhook.pk}/", body, content_type=content_type, headers=sent)  # type: ignore[return-value]

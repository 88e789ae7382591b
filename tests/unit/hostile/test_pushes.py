"""Hostile bodies, words and headers of pushes, by each way in which they are signed."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.webhooks import refusals
from ecdeployer.webhooks.models import Delivery, Webhook
from ecdeployer.webhooks.signatures import sign, sign_plain

from tests.portal_records import make_live

from .corpus import CORPUS, is_unicode, read_page

pytestmark = pytest.mark.django_db
COMMIT = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
WORDS = list(dict.fromkeys(CORPUS["branch"] + CORPUS["everywhere"] + CORPUS["text"]))
Headers = dict[str, str]


def github(secret: str, body: bytes) -> Headers:
    return {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid4()),
        "X-Hub-Signature-256": sign(secret, body),
    }


def gitlab(secret: str, body: bytes) -> Headers:
    return {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": str(uuid4()), "X-Gitlab-Token": secret}


def plain(secret: str, body: bytes) -> Headers:
    now = str(int(time.time()))
    return {"X-Signature-256": sign_plain(secret, body, timestamp=now), "X-Signature-Timestamp": now}


SENDERS: dict[str, tuple[Callable[[str, bytes], Headers], str]] = {
    "github": (github, "X-Hub-Signature-256"),
    "gitlab": (gitlab, "X-Gitlab-Token"),
    "plain": (plain, "X-Signature-256"),
}


@pytest.fixture
def webhook(ines: User) -> Webhook:
    refusals._counts.clear()
    return Webhook.objects.get(pk=make_live(ines, branch="main").application_id)


def deliver(client: Client, webhook: Webhook, body: bytes, headers: Headers) -> Any:
    return client.generic("POST", f"/hooks/{webhook.pk}/", body, "application/json", headers=headers)


def is_for_the_site(body: str, *, named: bool) -> bool:
    """Whether a body is a sound push of the branch, judged without the code that is tried."""
    try:
        told = json.loads(body)
        repository = told.get("repository") or {}
        name = repository.get("full_name", "") if isinstance(repository, dict) else ""
    except (ValueError, AttributeError, RecursionError):
        return False
    ours = name.lower() == "example/bakery" or (not name and not named)
    return ours and told.get("ref") == "refs/heads/main" and told.get("after") == "a" * 40


@pytest.mark.parametrize("sender", SENDERS)
def test_of_hostile_bodies_the_sound_ones_alone_are_deployed(
    client: Client, webhook: Webhook, sender: str
) -> None:
    signed, _ = SENDERS[sender]
    bodies = CORPUS["webhook_body"]
    assert sum(is_for_the_site(body, named=True) for body in bodies) > 3
    for body in bodies:
        raw = body.encode()
        answer = deliver(client, webhook, raw, signed(webhook.secret, raw))
        sound = is_for_the_site(body, named=sender != "plain")
        taken = answer.json()["outcome"] == "waiting"
        assert (answer.status_code, taken) == (202, True) if sound else not taken, body[:200]
        assert answer.status_code in (200, 202, 400, 422), body[:200]
        assert len(answer.content) < 1000
        Delivery.objects.all().delete()


@pytest.mark.parametrize("sender", SENDERS)
def test_hostile_words_of_a_push_are_shown_as_text(
    client: Client, visitor: Client, webhook: Webhook, sender: str
) -> None:
    """Where they stand in for the message, the person, the branch or the repository."""
    signed, _ = SENDERS[sender]
    for text in WORDS:
        named = {"id": text, "full_name": text, "path_with_namespace": text, "default_branch": text}
        ours = {"id": 7, "full_name": "example/bakery", "path_with_namespace": "example/bakery"}
        for payload in (
            {"ref": "refs/heads/main", "after": COMMIT, "repository": ours, "pusher": text,
             "user_username": text, "head_commit": {"message": text}, "message": text},
            {"ref": f"refs/heads/{text}", "after": COMMIT, "repository": ours, "project": ours},
            {"ref": f"refs/tags/{text}", "after": text, "repository": named, "project": named},
        ):  # fmt: skip
            raw = json.dumps(payload).encode()
            assert deliver(client, webhook, raw, signed(webhook.secret, raw)).status_code < 500, ascii(text)
    found = Delivery.objects.filter(sender=sender)
    assert found.count() == 3 * len(WORDS)
    words = ""
    for number in range(1, 3 * len(WORDS) // 20 + 2):
        page = reverse("webhooks:push", args=[webhook.pk])
        foreign, seen = read_page(visitor.get(f"{page}?page={number}").content.decode())
        assert foreign == []
        words += seen
    assert "<script>canary()</script>" in words
    assert "$(touch canary)" in words


@pytest.mark.parametrize("sender", SENDERS)
def test_a_hostile_signature_opens_nothing(client: Client, webhook: Webhook, sender: str) -> None:
    signed, name = SENDERS[sender]
    raw = json.dumps({"ref": "refs/heads/main", "after": COMMIT}).encode()
    good = signed(webhook.secret, raw)
    changed = [
        good[name][:-1],
        good[name] + "0",
        good[name].upper() + "x",
        f" {good[name]}x",
        "\0" + good[name],
    ]
    for text in [*CORPUS["webhook_signature"], *filter(is_unicode, CORPUS["everywhere"]), *changed]:
        value = text.encode().decode("latin-1")[:8000]
        answer = deliver(client, webhook, raw, {**good, name: value})
        assert answer.status_code == 401, ascii(text[:80])
        assert answer.json()["reason"] == "The signature is not good."
    assert not Delivery.objects.exists()
    assert deliver(client, webhook, raw, good).status_code in (202, 422)


def test_a_hostile_identifier_is_none(client: Client, visitor: Client, webhook: Webhook) -> None:
    """What no sender would give is replaced by the body's own digest: a replay is known by it."""
    texts = dict.fromkeys([*CORPUS["webhook_delivery"], *filter(is_unicode, CORPUS["everywhere"])])
    for number, text in enumerate(texts):
        raw = json.dumps({"ref": "refs/heads/main", "after": COMMIT, "number": number}).encode()
        headers = {**github(webhook.secret, raw), "X-GitHub-Delivery": text.encode().decode("latin-1")[:8000]}
        first, again = (deliver(client, webhook, raw, headers).json()["outcome"] for _ in range(2))
        assert (first, again) != (first, first), ascii(text[:80])
        assert again == "replay"
    for page in (1, 2, 3, 4, 5):
        address = reverse("webhooks:push", args=[webhook.pk])
        assert read_page(visitor.get(f"{address}?page={page}").content.decode())[0] == []

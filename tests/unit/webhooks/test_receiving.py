"""From a sender's POST to a row, over the real URL."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from ecdeployer.applications.models import Application, EnvironmentVariable
from ecdeployer.webhooks import refusals, registered, rows
from ecdeployer.webhooks.models import Delivery, Webhook
from ecdeployer.webhooks.payloads import BODY_LIMIT
from ecdeployer.webhooks.signatures import sign, sign_plain
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from tests.unit.hostile.corpus import CORPUS

from .conftest import COMMIT, deliver, github_push


def test_a_push_is_written_down_and_wakes_a_worker(
    client: Client,
    webhook: Webhook,
    messages: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = deliver(client, webhook, github_push())
    assert (answer.status_code, json.loads(answer.content)["outcome"]) == (202, "waiting")
    delivery = Delivery.objects.get()
    assert (delivery.application_id, delivery.branch, delivery.commit) == (webhook.pk, "main", COMMIT)
    assert (delivery.pusher, delivery.message) == ("Codertocat", "Add opening hours")
    assert messages == [("ecdeployer.webhooks.tasks.settle", [str(webhook.pk)])]
    assert json.loads(delivery.body)["after"] == COMMIT
    assert "X-GitHub-Event" in delivery.headers
    assert webhook.secret not in json.dumps(delivery.headers)


def test_a_second_one_that_waits_wakes_nobody(
    client: Client,
    webhook: Webhook,
    messages: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        deliver(client, webhook, github_push())
        deliver(client, webhook, github_push(after="a" * 40), X_GitHub_Delivery="second")
    assert (Delivery.objects.count(), len(messages)) == (2, 1)


def test_the_queries_of_a_push(
    client: Client, webhook: Webhook, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The webhook, and the row; the repository's id is learned once."""
    deliver(client, webhook, github_push())
    with django_assert_num_queries(2):
        deliver(client, webhook, github_push(after="a" * 40), X_GitHub_Delivery="second")


def test_what_is_written_is_what_the_model_would_have_written(client: Client, webhook: Webhook) -> None:
    """Column by column: the statement is composed of the model's own fields."""
    deliver(client, webhook, github_push())
    written = Delivery.objects.get()
    given = {"application_id": webhook.pk, "identifier": "other", "outcome": "waiting", "event": "push"}
    assert rows.insert(**given, received_at=written.received_at)
    assert not rows.insert(**given, received_at=written.received_at)
    made = Delivery.objects.get(identifier="other")
    expected = Delivery(**given, pk=made.pk, received_at=written.received_at)
    names = [field.attname for field in Delivery._meta.concrete_fields]
    assert [getattr(made, name) for name in names] == [getattr(expected, name) for name in names]


def test_a_delivery_meets_nothing_that_is_for_people(client: Client, webhook: Webhook) -> None:
    answer = deliver(client, webhook, github_push())
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert "Vary" not in answer.headers
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")  # type: ignore[attr-defined]
    assert answer.wsgi_request.resolver_match.view_name == "hook"  # type: ignore[attr-defined]
    assert deliver(client, webhook, github_push(), Host="elsewhere.example").status_code == 400
    for path in ("/hooks/", "/hooks/1/", f"/hooks/{webhook.pk}/more/"):
        assert client.post(path, github_push(), content_type="application/json").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_went_with_the_database_is_made_again(
    client: Client, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No query is spent on asking whether it is good; if it is not, a delivery is taken in all the same."""
    real, gone, closed = registered._select, [OperationalError("gone")], []

    def select(key: object) -> Any:
        if gone:
            raise gone.pop()
        return real(key)

    monkeypatch.setattr(registered, "_select", select)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    assert deliver(client, webhook, github_push()).status_code == 202
    assert (Delivery.objects.count(), closed) == (1, [True])


def test_a_ping_is_answered(client: Client, webhook: Webhook) -> None:
    payload = {"zen": "Keep it logically awesome.", "hook_id": 1, "repository": github_push()["repository"]}
    answer = deliver(client, webhook, payload, event="ping")
    assert (answer.status_code, json.loads(answer.content)["outcome"]) == (200, "answered")
    webhook.refresh_from_db()
    assert webhook.repository_id == "186853002"


def test_gitlab_and_a_plain_post(client: Client, webhook: Webhook) -> None:
    gitlab = {
        "ref": "refs/heads/main",
        "after": COMMIT,
        "project": {"id": 1, "path_with_namespace": "example/bakery"},
    }
    headers = {"X-Gitlab-Token": webhook.secret, "X-Gitlab-Event": "Push Hook", "Idempotency-Key": "one"}
    path = f"/hooks/{webhook.pk}/"
    assert client.post(path, gitlab, content_type="application/json", headers=headers).status_code == 202
    body, now = json.dumps({"ref": "refs/heads/main", "after": COMMIT}), str(int(time.time()))
    signature = sign_plain(webhook.secret, body.encode(), timestamp=now)
    headers = {"X-Signature-256": signature, "X-Signature-Timestamp": now}
    assert client.post(path, body, content_type="application/json", headers=headers).status_code == 202
    again = client.post(path, body, content_type="application/json", headers=headers)
    assert again.json()["outcome"] == "replay"
    assert sorted(Delivery.objects.values_list("sender", flat=True)) == ["gitlab", "plain"]


@pytest.mark.parametrize("identifier", ["72d3162e-cc78-11e3-81ab-4c9367dc0958", "another"])
def test_a_replay_is_counted_and_does_nothing(client: Client, webhook: Webhook, identifier: str) -> None:
    """Under the same identifier; and the same signed bytes under another one, which nobody signs."""
    deliver(client, webhook, github_push())
    answer = deliver(client, webhook, github_push(), X_GitHub_Delivery=identifier)
    assert (answer.status_code, json.loads(answer.content)["outcome"]) == (200, "replay")
    assert Delivery.objects.get().replays == 1


def test_one_application_does_not_take_anothers_identifiers(
    client: Client, webhook: Webhook, application: Application
) -> None:
    other = Application.objects.create(
        owner=application.owner, name="two", github_url=application.github_url, branch="main"
    )
    two = Webhook.objects.create(application=other)
    deliver(client, webhook, github_push())
    assert deliver(client, two, github_push()).status_code == 202
    assert (
        deliver(client, two, github_push(), X_Hub_Signature_256=sign(webhook.secret, b"")).status_code == 401
    )


@pytest.mark.parametrize(
    ("payload", "event", "status", "outcome"),
    [
        (github_push(ref="refs/heads/feature"), "push", 200, "ignored"),
        (github_push(ref="refs/tags/v1"), "push", 200, "ignored"),
        (github_push(after="0" * 40, deleted=True), "push", 200, "ignored"),
        ({"action": "opened"}, "issues", 200, "ignored"),
        (github_push(repository={"full_name": "example/other", "id": 5}), "push", 422, "refused"),
        (github_push(after="f" * 64), "push", 422, "refused"),
        (b"{", "push", 400, "refused"),
        (b"[]", "push", 400, "refused"),
    ],
)
def test_what_is_not_deployed_is_written_down_with_its_reason(
    client: Client, webhook: Webhook, payload: Any, event: str, status: int, outcome: str
) -> None:
    answer = deliver(client, webhook, payload, event=event)
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.outcome) == (status, outcome)
    assert delivery.reason == json.loads(answer.content)["reason"] != ""


def test_the_default_branch_is_the_payloads_or_the_last_that_was_read(
    client: Client, webhook: Webhook, application: Application
) -> None:
    Application.objects.filter(pk=application.pk).update(branch="")
    push = github_push(ref="refs/heads/trunk")
    push["repository"] = push["repository"] | {"default_branch": "trunk"}
    assert deliver(client, webhook, push).status_code == 202
    # The live deployment was read from main.
    plain = github_push(repository={"full_name": "example/bakery"})
    assert deliver(client, webhook, plain, X_GitHub_Delivery="two").status_code == 202


UNSIGNED: list[Callable[[str, bytes], dict[str, str]]] = [
    lambda secret, body: {},
    lambda secret, body: {"X-GitHub-Event": "push"},
    lambda secret, body: {"X-Hub-Signature-256": sign("another", body)},
    lambda secret, body: {"X-Hub-Signature-256": sign(secret, body + b" ")},
    lambda secret, body: {"X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, "sha1").hexdigest()},
    lambda secret, body: {"X-Gitlab-Token": sign(secret, body)},
    lambda secret, body: {"Authorization": f"Bearer {secret}"},
]


@pytest.mark.parametrize("headers", UNSIGNED)
def test_without_a_good_signature_nobody_learns_anything(
    client: Client,
    webhook: Webhook,
    headers: Callable[[str, bytes], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Until the answer has gone out; what is counted after that takes nobody's time."""
    monkeypatch.setattr(refusals, "write", lambda pk: None)
    body = json.dumps(github_push()).encode()
    sent = headers(webhook.secret, body)
    answers = []
    for pk in (webhook.pk, uuid4()):
        with django_assert_num_queries(1):
            answer = client.generic("POST", f"/hooks/{pk}/", body, "application/json", headers=sent)
        del answer.headers["X-Request-ID"]
        answers.append((answer.status_code, answer.content, sorted(answer.headers.items())))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert not Delivery.objects.exists()


def test_an_empty_secret_refuses_everybody(client: Client, webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(secret="")
    webhook.secret = ""
    assert deliver(client, webhook, github_push()).status_code == 401


def test_refused_ones_are_counted_and_the_last_few_kept(
    client: Client, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PAUSE", 0)
    for _ in range(20):
        deliver(client, webhook, github_push(), X_Hub_Signature_256="sha256=0")
    webhook.refresh_from_db()
    assert (webhook.refused, len(webhook.refusals)) == (20, 5)
    assert webhook.refusals[-1]["why"] == "It is signed with another secret."
    assert webhook.refusals[-1]["address"] == "127.0.0.1"


def test_strangers_cause_one_write_in_a_while(
    client: Client, webhook: Webhook, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deliver(client, webhook, github_push(), X_Hub_Signature_256="sha256=0")
    with django_assert_num_queries(10):
        for _ in range(10):
            deliver(client, webhook, github_push(), X_Hub_Signature_256="sha256=0")
    webhook.refresh_from_db()
    assert webhook.refused == 1
    assert refusals._counts[webhook.pk].number == 10


def test_a_body_that_is_too_long_is_not_read(client: Client, webhook: Webhook) -> None:
    body = b'{"a": "' + b"x" * BODY_LIMIT + b'"}'
    answer = deliver(client, webhook, body)
    assert answer.status_code == 413
    assert not Delivery.objects.exists()


def test_a_body_of_just_that_length_is_read_and_its_beginning_kept(client: Client, webhook: Webhook) -> None:
    payload = github_push(padding="")
    payload["padding"] = "é" * ((BODY_LIMIT - len(json.dumps(payload))) // 6)
    assert deliver(client, webhook, payload).status_code == 202
    delivery = Delivery.objects.get()
    assert len(delivery.body) == 16_384
    assert delivery.size > BODY_LIMIT - 6


@pytest.mark.parametrize("verb", ["get", "head", "put", "patch", "delete"])
def test_it_is_for_posting_alone(client: Client, webhook: Webhook, verb: str) -> None:
    assert getattr(client, verb)(f"/hooks/{webhook.pk}/").status_code == 405


def test_the_page_of_csrf_does_not_stand_in_the_way(webhook: Webhook) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert deliver(strict, webhook, github_push()).status_code == 202


HOSTILE = [
    *CORPUS["branch"],
    *CORPUS["text"],
    *CORPUS["everywhere"],
    "\ud800",
    "\x00",
    "a\x00b",
    "{{ 7*7 }}",
    "<script>alert(1)</script>",
    "x" * 100_000,
]
SHAPES: list[Any] = [None, True, 0, -1, 10**300, 1.5, float("nan"), float("inf"), [], {}, [[]], {"a": {}}]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_taken_as_words(client: Client, webhook: Webhook, text: str) -> None:
    payload = github_push(
        ref=f"refs/heads/{text}",
        after=text,
        pusher={"name": text},
        head_commit={"message": text},
        repository={"full_name": text, "default_branch": text, "id": text, "pushed_at": text},
    )
    for number, changed in enumerate(
        (payload, github_push(pusher={"name": text}, head_commit={"message": text}))
    ):
        answer = deliver(client, webhook, changed, X_GitHub_Delivery=f"{number}")
        assert answer.status_code < 500
    client.force_login(webhook.application.owner)
    pages = [f"/applications/{webhook.pk}/push/"]
    pages += [f"{pages[0]}deliveries/{pk}/" for pk in Delivery.objects.values_list("pk", flat=True)]
    assert len(pages) == 3
    for page in pages:
        found = client.get(page)
        assert found.status_code == 200
        assert "<script>alert" not in found.content.decode()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "name", ["ref", "after", "deleted", "forced", "repository", "pusher", "head_commit", "commits", "project"]
)
def test_wrong_shapes_are_no_defects(client: Client, webhook: Webhook, name: str, shape: Any) -> None:
    assert deliver(client, webhook, github_push(**{name: shape})).status_code < 500
    inner = dict.fromkeys(("id", "full_name", "default_branch", "pushed_at", "name", "message"), shape)
    assert deliver(client, webhook, github_push(**{name: inner}), X_GitHub_Delivery="b").status_code < 500
    assert deliver(client, webhook, github_push(**{name: [inner]}), X_GitHub_Delivery="c").status_code < 500


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 100,
        b'{"ref": "a", "ref": "refs/heads/main", "after": "x"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"ref": "refs/heads/main", "after": ' + b"9" * 5_000 + b"}",
        b'{"ref": "refs/heads/main", "after": 1e999}',
        b'{"ref": "\\ud800", "after": "\\udfff"}',
        b"",
        b"\x00",
    ],
)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "", "\x7f;;;="],
)
def test_hostile_bodies_are_no_defects(
    client: Client, webhook: Webhook, body: bytes, content_type: str
) -> None:
    answer = deliver(client, webhook, body, Content_Type=content_type)
    assert 200 <= answer.status_code < 500


def test_the_environment_is_not_told(client: Client, webhook: Webhook) -> None:
    """Nothing of the application goes into an answer."""
    value = EnvironmentVariable.objects.get(application=webhook.pk).value
    assert value not in deliver(client, webhook, github_push()).content.decode()

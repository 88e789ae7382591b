import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from ecdeployer.webhooks.payloads import BodyError, Event, identify, read
from ecdeployer.webhooks.senders import Sender

from .conftest import COMMIT, github_push

JSON = {"Content-Type": "application/json"}
#: https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
GITLABS: dict[str, Any] = {
    "object_kind": "push",
    "event_name": "push",
    "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
    "after": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "ref": "refs/heads/master",
    "checkout_sha": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "user_id": 4,
    "user_name": "John Smith",
    "user_username": "jsmith",
    "project_id": 15,
    "project": {
        "id": 15,
        "name": "Diaspora",
        "path_with_namespace": "mike/diaspora",
        "default_branch": "master",
    },
    "commits": [
        {"id": "b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327", "message": "Update Catalan translation."},
        {"id": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "message": "fixed readme\n"},
    ],
    "repository": {"name": "Diaspora", "url": "git@example.com:mike/diaspora.git"},
    "total_commits_count": 4,
}


def understand(sender: Sender, payload: Any, headers: dict[str, str]) -> Event:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read(identify(sender, headers, body), headers, body)


def test_a_push_of_githubs() -> None:
    headers = JSON | {"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    payload = github_push(
        repository={"id": 186853002, "full_name": "example/bakery", "pushed_at": 1760000000}
    )
    event = understand(Sender.GITHUB, payload, headers)
    assert (event.name, event.branch, event.commit) == ("push", "main", COMMIT)
    assert event.identifier == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert (event.pusher, event.message) == ("Codertocat", "Add opening hours")
    assert (event.repository, event.repository_id) == ("example/bakery", "186853002")
    assert event.pushed_at == datetime.fromtimestamp(1760000000, tz=UTC)
    assert not event.is_forced
    assert not event.is_deleted


def test_a_push_of_gitlabs() -> None:
    headers = JSON | {
        "X-Gitlab-Event": "Push Hook",
        "X-Gitlab-Event-UUID": "older",
        "Idempotency-Key": "newer",
    }
    event = understand(Sender.GITLAB, GITLABS, headers)
    assert (event.name, event.identifier, event.digest) == ("push", "newer", "")
    assert (event.branch, event.commit) == ("master", GITLABS["after"])
    assert (event.pusher, event.message) == ("jsmith", "fixed readme")
    assert (event.repository, event.repository_id, event.default_branch) == ("mike/diaspora", "15", "master")


def test_a_plain_push() -> None:
    payload = {"ref": "refs/heads/main", "after": COMMIT, "pusher": "ci"}
    event = understand(Sender.PLAIN, payload, JSON | {"X-Signature-256": "sha256=ab"})
    assert (event.name, event.branch, event.commit) == ("push", "main", COMMIT)
    assert (event.identifier, event.pusher) == ("sha256=ab", "ci")


def test_a_form_that_holds_json() -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-GitHub-Event": "push"}
    body = urlencode({"payload": json.dumps(github_push())}).encode()
    assert understand(Sender.GITHUB, body, headers).commit == COMMIT


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"after": "0" * 40, "deleted": True, "head_commit": None}, (True, False, "", "")),
        ({"after": "0" * 40}, (True, False, "", "")),
        ({"forced": True}, (False, True, COMMIT, "")),
        ({"ref": "refs/tags/v1"}, (False, False, COMMIT, "v1")),
        ({"after": COMMIT.upper()}, (False, False, COMMIT, "")),
        ({"after": "f" * 64}, (False, False, "", "")),
        ({"after": "$(id)"}, (False, False, "", "")),
    ],
)
def test_kinds_of_pushes(changes: dict[str, Any], said: tuple[bool, bool, str, str]) -> None:
    event = understand(Sender.GITHUB, github_push(**changes), JSON | {"X-GitHub-Event": "push"})
    assert (event.is_deleted, event.is_forced, event.commit, event.tag) == said


def test_what_is_too_long_or_obeyed_by_terminals_is_cut() -> None:
    payload = github_push(
        head_commit={"message": "\x1b[2Jred\u202e\x00" + "m" * 10_000},
        pusher={"name": "p" * 10_000},
        repository={"full_name": "r" * 10_000, "id": 10**30},
    )
    event = understand(Sender.GITHUB, payload, JSON | {"X-GitHub-Event": "push"})
    assert event.message.startswith("redmmm")
    assert (len(event.message), len(event.pusher), len(event.repository)) == (200, 150, 255)
    assert event.repository_id == ""


@pytest.mark.parametrize("identifier", ["", "a b", "x" * 101, "é", "a\n"])
def test_a_delivery_without_a_usable_identifier_has_its_digest(identifier: str) -> None:
    event = identify(Sender.GITHUB, {"X-GitHub-Delivery": identifier}, b"{}")
    assert event.identifier == event.digest
    assert len(event.digest) == 64


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'"push"', "application/json"),
        (b"{", "application/json"),
        (b'{"ref": "\xff"}', "application/json"),
        (b"\xff\xfe{\x00}\x00", "application/json"),
        (b"[" * 500_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b'{"ref": ' + b"9" * 10_000 + b"}", "application/json"),
        (b"{}", "application/json"),
        (b'{"ref": "refs/heads/main"}', "application/json"),
        (b'{"after": "' + COMMIT.encode() + b'"}', "application/json"),
        (b"{}", "application/x-www-form-urlencoded"),
        (b"payload=", "application/x-www-form-urlencoded"),
        (b"payload=%7B", "application/x-www-form-urlencoded"),
        (b"&".join([b"a=1"] * 1000), "application/x-www-form-urlencoded"),
    ],
)
def test_what_cannot_be_understood_is_said(body: bytes, content_type: str) -> None:
    headers = {"Content-Type": content_type, "X-GitHub-Event": "push"}
    with pytest.raises(BodyError):
        read(identify(Sender.GITHUB, headers, body), headers, body)

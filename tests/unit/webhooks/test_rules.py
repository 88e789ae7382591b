from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ecdeployer.git.repository import parse_url
from ecdeployer.webhooks.payloads import Event
from ecdeployer.webhooks.rules import Facts, judge
from ecdeployer.webhooks.senders import Sender

from .conftest import COMMIT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PUSH = Event(
    sender=Sender.GITHUB,
    name="push",
    identifier="1",
    digest="",
    ref="refs/heads/main",
    commit=COMMIT,
    repository="Example/Bakery",
    repository_id="7",
)
FACTS = Facts(
    repository=parse_url("https://github.com/example/bakery", allowed_hosts=["github.com"]),
    repository_id="7",
    branch="main",
    is_on=True,
)


@pytest.mark.parametrize(
    ("event", "facts", "outcome", "reason"),
    [
        ({}, {}, "waiting", ""),
        ({"is_forced": True}, {}, "waiting", ""),
        ({"pushed_at": NOW - timedelta(days=2)}, {}, "waiting", ""),
        ({"name": "ping", "ref": ""}, {}, "answered", "It works."),
        ({"name": "ping", "ref": "", "repository": ""}, {}, "answered", "It works."),
        (
            {"name": "ping", "ref": "", "repository": "example/other", "repository_id": "8"},
            {},
            "refused",
            "about example/other",
        ),
        ({"name": "issues", "ref": ""}, {}, "ignored", "The event is issues"),
        ({"name": "", "ref": ""}, {}, "ignored", "without a name"),
        ({}, {"is_on": False}, "ignored", "switched off"),
        ({"ref": "refs/heads/feature"}, {}, "ignored", "the branch feature, and main is deployed"),
        ({"ref": "refs/heads/Main"}, {}, "ignored", "the branch Main"),
        ({"ref": "refs/tags/main"}, {}, "ignored", "the tag main"),
        ({"ref": "refs/notes/commits"}, {}, "ignored", "which is no branch"),
        ({"ref": "main"}, {}, "ignored", "which is no branch"),
        ({}, {"branch": ""}, "ignored", "default branch is not known"),
        ({"is_deleted": True, "commit": ""}, {}, "ignored", "was deleted"),
        ({"commit": ""}, {}, "refused", "40 hexadecimal digits"),
        ({"repository": "example/other", "repository_id": "8"}, {}, "refused", "is about example/other"),
        ({"repository": "example/patisserie"}, {}, "refused", "is called example/patisserie now"),
        ({"repository": "", "repository_id": ""}, {}, "refused", "without a name"),
        ({"repository": "", "sender": Sender.PLAIN}, {}, "waiting", ""),
        ({"pushed_at": NOW - timedelta(days=4)}, {}, "ignored", "A replay"),
    ],
)
def test_every_verdict(event: dict[str, Any], facts: dict[str, Any], outcome: str, reason: str) -> None:
    verdict = judge(replace(PUSH, **event), replace(FACTS, **facts), now=NOW)
    assert verdict.outcome == outcome
    assert reason in verdict.reason


def test_what_a_person_asks_for_needs_no_switch_and_may_be_old() -> None:
    facts = replace(FACTS, is_on=False, asked=True)
    event = replace(PUSH, pushed_at=NOW - timedelta(days=20))
    assert judge(event, facts, now=NOW).outcome == "waiting"
    assert judge(replace(event, ref="refs/heads/feature"), facts, now=NOW).outcome == "ignored"

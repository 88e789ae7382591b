"""What a delivery says, whoever sent it: read strictly, cleaned and bounded. Everything in it is hostile.

GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from ..deployments.texts import clean
from . import signatures
from .senders import Sender

#: Bytes of a body. What GitHub may send is 25 MB; a push of so many commits is found by asking for the head.
BODY_LIMIT = 2**20
PING, PUSH = "ping", "push"
_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_IDENTIFIER = re.compile(r"[!-~]{1,100}")
_FORM = "application/x-www-form-urlencoded"
_EVENT_HEADERS = {Sender.GITHUB: "X-GitHub-Event", Sender.GITLAB: "X-Gitlab-Event"}
#: GitLab's Idempotency-Key came with 17.4. Its X-Gitlab-Webhook-UUID names the webhook, not the delivery.
_IDENTIFIER_HEADERS = {
    Sender.GITHUB: ("X-GitHub-Delivery",),
    Sender.GITLAB: ("Idempotency-Key", "X-Gitlab-Event-UUID"),
    Sender.PLAIN: (signatures.PLAIN,),
}
_GITLAB_EVENTS = {"Push Hook": PUSH, "Tag Push Hook": PUSH}


class BodyError(Exception):
    """A signed body that says nothing which can be understood; the text says why, for its sender."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """``name``: ``push``, ``ping``, or another word of the sender's. Whatever is not told is empty.

    ``identifier`` is the same when the sender sends it again; ``digest`` where the body is signed and so
    tells by itself that it came before.
    """

    sender: Sender
    name: str
    identifier: str
    digest: str
    ref: str = ""
    commit: str = ""
    is_deleted: bool = False
    is_forced: bool = False
    pusher: str = ""
    message: str = ""
    repository: str = ""
    repository_id: str = ""
    default_branch: str = ""
    pushed_at: datetime | None = None

    @property
    def branch(self) -> str:
        return self.ref.removeprefix(_BRANCH) if self.ref.startswith(_BRANCH) else ""

    @property
    def tag(self) -> str:
        return self.ref.removeprefix(_TAG) if self.ref.startswith(_TAG) else ""


def identify(sender: Sender, headers: Mapping[str, str], body: bytes) -> Event:
    """What is known before the body is understood."""
    digest = hashlib.sha256(body).hexdigest()
    found = (headers.get(name, "") for name in _IDENTIFIER_HEADERS[sender])
    identifier = next((text for text in found if _IDENTIFIER.fullmatch(text)), digest)
    given = line(headers.get(_EVENT_HEADERS.get(sender, ""), PUSH), 60)
    name = _GITLAB_EVENTS.get(given, given) if sender == Sender.GITLAB else given
    return Event(
        sender=sender,
        name=name,
        identifier=identifier,
        digest=digest if sender == Sender.GITHUB else "",
    )


def read(known: Event, headers: Mapping[str, str], body: bytes) -> Event:
    """The whole of it. Raises BodyError."""
    payload = _parse(headers.get("Content-Type", ""), body)
    if known.name != PUSH:
        return Event(**vars(known) | _repository(payload))
    after = text(payload.get("after"), 64)
    is_deleted = payload.get("deleted") is True or bool(re.fullmatch(r"0+", after))
    head = _object(payload, "head_commit") or _last_commit(payload, after)
    fields = {
        "ref": line(payload.get("ref"), 255),
        "commit": after.lower() if not is_deleted and re.fullmatch(r"[0-9a-fA-F]{40}", after) else "",
        "is_deleted": is_deleted,
        "is_forced": payload.get("forced") is True,
        "pusher": _pusher(payload),
        "message": line(head.get("message"), 200),
        **_repository(payload),
    }
    if not fields["ref"] or not after:
        raise BodyError('A push names its "ref" and, as "after", its commit.')
    return Event(**vars(known) | fields)


def _parse(content_type: str, body: bytes) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == _FORM:
            body = parse_qs(body, max_num_fields=20, strict_parsing=True)[b"payload"][0]
        payload = json.loads(body)
    except (ValueError, KeyError, RecursionError) as error:
        raise BodyError("The body is not JSON.") from error
    if not isinstance(payload, dict):
        raise BodyError("The body is not a JSON object.")
    return payload


def _repository(payload: Mapping[str, Any]) -> dict[str, Any]:
    """GitLab calls it a project."""
    found = _object(payload, "project") or _object(payload, "repository")
    named = text(found.get("path_with_namespace"), 255) or text(found.get("full_name"), 255)
    return {
        "repository": line(named, 255),
        "repository_id": _number(found.get("id")),
        "default_branch": line(found.get("default_branch"), 200),
        "pushed_at": _time(found.get("pushed_at")),
    }


def _pusher(payload: Mapping[str, Any]) -> str:
    """GitHub's pusher, GitLab's user_username, or whom a plain POST names."""
    pusher = payload.get("pusher")
    named = _object(payload, "pusher").get("name") if isinstance(pusher, dict) else pusher
    return line(named or payload.get("user_username") or payload.get("user_name"), 150)


def _last_commit(payload: Mapping[str, Any], after: str) -> Mapping[str, Any]:
    commits = payload.get("commits")
    found = commits if isinstance(commits, list) else []
    return next((each for each in found if isinstance(each, dict) and each.get("id") == after), {})


def _object(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> str:
    """An id of the sender's; too long to be one, it is none."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18
    return str(value) if is_number else ""


def _time(value: object) -> datetime | None:
    """GitHub's seconds since 1970."""
    is_time = isinstance(value, int) and not isinstance(value, bool) and 10**9 < value < 10**11
    return datetime.fromtimestamp(value, tz=UTC) if is_time else None  # type: ignore[arg-type]


def text(value: object, limit: int) -> str:
    """What can be stored and shown of it; empty for what is no text."""
    return clean(value[: limit * 4])[:limit] if isinstance(value, str) else ""


def line(value: object, limit: int) -> str:
    """The first line."""
    return text(value, limit).strip().partition("\n")[0].strip()

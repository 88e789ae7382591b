"""Taking a delivery in: the request verifies, writes one row and wakes a worker. The row is the truth."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from ..deployments.models import Deployment
from ..git import repository
from ..wakeups import wake_pushes
from . import refusals, registered, rows, signatures
from .models import Delivery, Webhook, make_secret
from .payloads import BodyError, Event, identify, read, text
from .registered import Registered
from .rules import Facts, Verdict, full_name, judge

Outcome = Delivery.Outcome
#: Characters of a body that are kept.
KEPT_BODY = 16_384
_KEPT_HEADERS = (
    "Content-Type", "User-Agent", "X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-ID", "X-Gitlab-Event",
    "X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID", "X-Gitlab-Instance", "Idempotency-Key",
    "X-Signature-Timestamp",
)  # fmt: skip
_REPLAY = "A replay: this delivery came before. To deploy it anew, use the portal's page."
_field: Any = Webhook._meta.get_field("secret")
#: What is decrypted for an application that does not exist, so that it takes as long.
_DECOY = make_secret()


class UnauthorizedError(Exception):
    """The secret is another one, or there is no such application: nobody is told which."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: HTTPStatus
    outcome: str
    reason: str

    def body(self) -> bytes:
        return json.dumps({"outcome": self.outcome, "reason": self.reason}).encode()


def receive(pk: UUID, headers: Mapping[str, str], body: bytes, *, address: str | None) -> Answer:
    """Two queries for a push that is new. Raises UnauthorizedError."""
    webhook = registered.find(pk)
    event = identify(_authenticate(webhook, headers, body, address=address), headers, body)
    assert webhook is not None  # noqa: S101 - nobody knows the decoy
    status = HTTPStatus.OK
    try:
        event = read(event, headers, body)
        facts = facts_of(webhook, event)
        verdict = judge(event, facts, now=timezone.now())
        _learn(webhook, event, facts)
    except (BodyError, repository.RepositoryURLError) as error:
        verdict, status = Verdict(outcome=Outcome.REFUSED, reason=str(error)), HTTPStatus.BAD_REQUEST
    if not _write(webhook, event, verdict, headers, body):
        _count_replay(pk, event)
        return Answer(status=status, outcome="replay", reason=_REPLAY)
    if verdict.outcome == Outcome.REFUSED and status == HTTPStatus.OK:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif verdict.outcome == Outcome.WAITING:
        status = HTTPStatus.ACCEPTED
    return Answer(status=status, outcome=verdict.outcome, reason=verdict.reason)


def _authenticate(
    webhook: Registered | None, headers: Mapping[str, str], body: bytes, *, address: str | None
) -> Any:
    secret = webhook.secret if webhook else _field.from_db_value(_field.get_prep_value(_DECOY))
    try:
        return signatures.verify(secret, headers, body, now=time.time())
    except signatures.SignatureError as error:
        if webhook:
            refusals.note(webhook.pk, why=str(error), address=address)
        raise UnauthorizedError from error


def facts_of(webhook: Registered, event: Event, *, asked: bool = False) -> Facts:
    """Raises RepositoryURLError, where the operator has taken the host from the list since."""
    return Facts(
        repository=repository.parse_url(webhook.github_url, allowed_hosts=settings.GIT_HOSTS),
        repository_id=webhook.repository_id,
        branch=webhook.branch or event.default_branch or _branch_of(webhook.pk),
        is_on=webhook.deploy_on_push,
        asked=asked,
    )


def _branch_of(pk: UUID) -> str:
    """The default branch, as it was called when it was last read. One query."""
    read_before = Deployment.objects.filter(application=pk).exclude(commit_sha="").order_by("-number")
    return read_before.values_list("branch", flat=True).first() or ""


def _learn(webhook: Registered, event: Event, facts: Facts) -> None:
    """The repository's id, by which it is known when it has been renamed. One query, once."""
    is_ours = event.repository.casefold() == full_name(facts.repository).casefold()
    if is_ours and event.repository_id not in ("", webhook.repository_id):
        Webhook.objects.filter(pk=webhook.pk).update(repository_id=event.repository_id)


def _write(
    webhook: Registered, event: Event, verdict: Verdict, headers: Mapping[str, str], body: bytes
) -> bool:
    """False where it came before. A worker is woken unless it is on its way to another that waits."""
    shown = {name: text(headers[name], 200) for name in _KEPT_HEADERS if name in headers}
    is_new = rows.insert(
        application_id=webhook.pk,
        received_at=timezone.now(),
        **columns_of(event),
        headers=shown,
        body=text(body[: KEPT_BODY * 4].decode(errors="replace"), KEPT_BODY),
        size=len(body),
        outcome=verdict.outcome,
        reason=verdict.reason,
    )
    if is_new and verdict.outcome == Outcome.WAITING and not webhook.is_woken:
        wake_pushes(webhook.pk)
    return is_new


def columns_of(event: Event) -> dict[str, Any]:
    names = (
        "sender",
        "identifier",
        "digest",
        "ref",
        "commit",
        "pusher",
        "message",
        "repository",
        "pushed_at",
    )
    return {"event": event.name, "is_forced": event.is_forced} | {
        name: getattr(event, name) for name in names
    }


def _count_replay(pk: UUID, event: Event) -> None:
    same = Q(identifier=event.identifier) | (Q(digest=event.digest) & ~Q(digest=""))
    Delivery.objects.filter(same, application=pk).update(replays=F("replays") + 1)

"""Requests without a good signature: counted, and the last few kept. Strangers must not fill a table.

They are counted in the process, and written at most once in a while, after the answer has gone out: neither
their number nor the time of an answer tells a stranger anything.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from .models import Webhook

KEPT = 5
#: Seconds between two writes of a process for one application.
PAUSE = 5.0
#: Applications that are counted at once; beyond that the longest silent is forgotten.
COUNTED = 1_000


@dataclass
class _Count:
    number: int = 0
    last: deque[dict[str, str | None]] = field(default_factory=lambda: deque(maxlen=KEPT))
    written: float = -PAUSE


_counts: dict[UUID, _Count] = {}
_lock = threading.Lock()


def note(pk: UUID, *, why: str, address: str | None) -> None:
    """No query."""
    with _lock:
        count = _counts.pop(pk, None) or _Count()
        _counts[pk] = count
        count.number += 1
        count.last.append({"at": timezone.now().isoformat(), "why": why, "address": address})
        while len(_counts) > COUNTED:
            del _counts[next(iter(_counts))]


def write(pk: UUID) -> None:
    """What was counted, unless that was done a moment ago. Two queries, or none."""
    now = time.monotonic()
    with _lock:
        count = _counts.get(pk)
        if count is None or not count.number or now - count.written < PAUSE:
            return
        number, last = count.number, list(count.last)
        count.number, count.written = 0, now
        count.last.clear()
    with transaction.atomic():
        webhook = Webhook.objects.select_for_update().filter(pk=pk).first()
        if webhook is not None:
            webhook.refused += number
            webhook.refusals = [*webhook.refusals, *last][-KEPT:]
            webhook.save(update_fields=["refused", "refusals"])

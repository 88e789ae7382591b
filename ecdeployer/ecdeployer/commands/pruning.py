"""What the portal has asked machines for itself is forgotten; what people have asked for stays."""

from datetime import timedelta

from django.utils import timezone

from .models import Command
from .queries import SHOWN
from .states import UNFINISHED

#: A log that was read is on its machine; AWS keeps the rest as long.
READ, REST = timedelta(hours=1), timedelta(days=30)
BATCH = 500


def prune() -> None:
    now = timezone.now()
    own = Command.objects.exclude(action__in=SHOWN).exclude(state__in=UNFINISHED)
    for old in (
        own.filter(action=Command.Action.LOGS, created_at__lt=now - READ),
        own.filter(created_at__lt=now - REST),
    ):
        pks = list(old.order_by("created_at").values_list("pk", flat=True)[:BATCH])
        Command.objects.filter(pk__in=pks).delete()

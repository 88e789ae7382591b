"""Minutes become five minutes after a day, and go after eight."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.db import transaction

from .models import Outage, Sample, Uptime

SPAN = 5
WHOLE, KEPT = timedelta(days=1), timedelta(days=8)
UPTIME_KEPT, OUTAGES_KEPT = timedelta(days=31), timedelta(days=90)


def thin(now: datetime) -> None:
    """Machine by machine, each in a transaction of its own."""
    limit = begin_of(now - WHOLE, SPAN)
    fine = Sample.objects.filter(span=1, at__lt=limit)
    for instance in fine.order_by().values_list("instance", flat=True).distinct():
        with transaction.atomic():
            rows = list(fine.filter(instance=instance).order_by("at"))
            Sample.objects.bulk_create(merge(rows, SPAN), ignore_conflicts=True, batch_size=1000)
            Sample.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Sample.objects.filter(span__in=[1, SPAN], at__lt=now - KEPT).delete()
    Uptime.objects.filter(hour__lt=now - UPTIME_KEPT).delete()
    Outage.objects.filter(until__lt=now - OUTAGES_KEPT).delete()


def begin_of(moment: datetime, span: int) -> datetime:
    """Of the span of so many minutes that holds the moment."""
    seconds = span * 60
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, tz=UTC)


def merge(samples: Iterable[Sample], span: int) -> list[Sample]:
    """Samples in order, as those of longer spans; where none was, none is made.

    Processor and memory are means. Of the disk, and of the slow requests, the worst is kept; a median of
    medians is their mean, each counted by its requests.
    """
    return [
        _one(list(found), at, span) for at, found in groupby(samples, lambda each: begin_of(each.at, span))
    ]


def _one(samples: list[Sample], at: datetime, span: int) -> Sample:
    minutes = sum(each.span for each in samples)
    answered = [each for each in samples if each.requests and each.median is not None]
    weight = sum(each.requests for each in answered)
    merged = Sample(
        instance_id=samples[0].instance_id,
        at=at,
        span=span,
        processor=sum(each.processor * each.span for each in samples) / minutes,
        memory=sum(each.memory * each.span for each in samples) / minutes,
        disk=max(each.disk for each in samples),
        requests=sum(each.requests for each in samples),
        errors=sum(each.errors for each in samples),
        median=round(sum((each.median or 0) * each.requests for each in answered) / weight)
        if weight
        else None,
        slow=max((each.slow or 0 for each in answered), default=None),
    )
    merged.known = minutes
    return merged

"""Asking machines for their figures: one command for fifty of them, and one call that reads the answers."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.utils import timezone

from ..aws import questions
from ..aws.errors import AWSError
from ..aws.questions import Answer
from ..cloud_init import documents
from ..deployments.states import DeploymentState
from ..instances import run_documents
from ..instances.connection import aws
from ..instances.models import Instance
from ..instances.states import InstanceState
from . import judging, publishing
from .lines import KEPT, Reading, minute_of, read
from .models import Gauge, Question, Sample

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=3)
#: An answer holds an hour of lines: those who are further apart are asked apart.
APART = 30
#: Machines of one round.
ROUND = 2000
#: A machine has its answer ready after some seconds; after minutes it will have none.
READY, LOST = timedelta(seconds=8), timedelta(minutes=5)
#: What a machine that is behind is asked for again without a pause.
BEHIND = 15


def collect() -> None:
    """Read what was answered, and ask whoever is due. Raises AWSError."""
    read_answers()
    begin_gauges()
    ask_due()


def begin_gauges() -> None:
    """For machines that serve by now."""
    fresh = Instance.objects.filter(
        state=InstanceState.RUNNING, gauge=None, deployments__state=DeploymentState.SUCCEEDED
    )
    gauges = [Gauge(instance_id=pk) for pk in fresh.values_list("pk", flat=True).distinct()[:ROUND]]
    if gauges:
        Gauge.objects.bulk_create(gauges, ignore_conflicts=True)


def ask_due() -> None:
    now = timezone.now()
    for batch in batches(_take_due(now)):
        since = max(batch[0].minute + 1, minute_of(now) - KEPT)
        try:
            command_id = _ask(batch, since)
        except AWSError as error:
            logger.warning("figures: %s", error.operator)
            return
        if command_id:
            Question.objects.create(command_id=command_id)


def _ask(batch: Sequence[Gauge], since: int) -> str:
    with run_documents.to_send(aws(), "figures") as document:
        return questions.ask(
            aws(),
            document=document,
            ec2_ids=[str(gauge.instance.ec2_id) for gauge in batch],
            arguments=documents.figures_arguments(since),
            comment="figures",
        )


def _take_due(now: datetime) -> list[Gauge]:
    """Those that this worker asks: another that looks at the same time finds them not due."""
    due = Gauge.objects.filter(
        due_at__lte=now, instance__state=InstanceState.RUNNING, instance__ec2_id__isnull=False
    )
    with transaction.atomic():
        locked = due.select_for_update(skip_locked=True, of=("self",)).select_related("instance")
        gauges = list(locked.order_by("minute")[:ROUND])
        if gauges:
            Gauge.objects.filter(pk__in=[gauge.pk for gauge in gauges]).update(due_at=now + EVERY)
    return gauges


def batches(gauges: Iterable[Gauge]) -> Iterator[list[Gauge]]:
    """Of gauges in the order of their minutes: as many as one command takes, and not too far apart."""
    batch: list[Gauge] = []
    for gauge in gauges:
        if batch and (len(batch) == questions.AT_ONCE or gauge.minute - batch[0].minute > APART):
            yield batch
            batch = []
        batch.append(gauge)
    if batch:
        yield batch


def read_answers() -> None:
    """One call for fifty machines; a question is forgotten when all have answered, or never will."""
    now = timezone.now()
    for question in Question.objects.filter(sent_at__lte=now - READY):
        try:
            found = questions.answers(aws(), question.command_id)
        except AWSError as error:
            logger.warning("figures: %s", error.operator)
            found = []
            if error.retryable and now - question.sent_at < LOST:
                continue
        keep([answer for answer in found if answer.succeeded], now=now)
        if all(answer.finished for answer in found) or now - question.sent_at > LOST:
            question.delete()


def keep(answers: Sequence[Answer], *, now: datetime) -> None:
    """What is new in them. Any number of times; three queries, and those of the rules."""
    with transaction.atomic():
        readings = _read_new({answer.ec2_id: answer for answer in answers}, now=now)
        samples = (_sample(gauge, each) for gauge, found in readings.items() for each in found)
        while part := list(islice(samples, 1000)):
            Sample.objects.bulk_create(part, ignore_conflicts=True)
        if readings:
            Gauge.objects.bulk_update(readings, ["minute", "heard_at", "due_at"], batch_size=500)
    if readings:
        judging.judge({gauge.instance.application_id for gauge in readings}, now=now)
        publishing.publish({gauge.instance: found for gauge, found in readings.items()})


def _read_new(answers: Mapping[str, Answer], *, now: datetime) -> dict[Gauge, list[Reading]]:
    """By gauges, changed and not written. Who reads the same answer waits, and finds nothing new."""
    gauges = Gauge.objects.filter(instance__ec2_id__in=answers).select_related("instance")
    readings: dict[Gauge, list[Reading]] = {}
    for gauge in gauges.select_for_update(of=("self",)).order_by("pk"):
        new = read(answers[str(gauge.instance.ec2_id)].output, after=gauge.minute, now=now)
        if new:
            readings[gauge] = new
            gauge.minute, gauge.heard_at = new[-1].minute, now
            if gauge.minute < minute_of(now) - BEHIND:
                gauge.due_at = now
    return readings


def _sample(gauge: Gauge, reading: Reading) -> Sample:
    return Sample(
        instance_id=gauge.instance_id,
        at=reading.at,
        processor=reading.processor,
        memory=reading.memory,
        disk=reading.disk,
        requests=reading.requests,
        errors=reading.errors,
        median=reading.median,
        slow=reading.slow,
    )

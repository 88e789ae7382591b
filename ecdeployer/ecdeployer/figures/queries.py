"""What the page and the API show, in a fixed number of queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone

from ..applications.models import Application
from ..deployments.states import DeploymentState
from . import thinning
from .models import Gauge, Outage, Sample, Uptime
from .plots import Plot, Point, Window, draw


@dataclass(frozen=True)
class Period:
    """How far back, and minutes from one sample to the next."""

    name: str
    label: str
    length: timedelta
    span: int

    def window(self, now: datetime) -> Window:
        until = thinning.begin_of(now, self.span) + timedelta(minutes=self.span)
        return Window(since=until - self.length, until=until, step=timedelta(minutes=self.span))


PERIODS = {
    "hour": Period("hour", "Hour", timedelta(hours=1), 1),
    "day": Period("day", "Day", timedelta(days=1), 5),
    "week": Period("week", "Week", timedelta(days=7), 30),
}
#: label, how long: of the table of uptime.
SPANS = (("24 hours", timedelta(hours=24)), ("7 days", timedelta(days=7)), ("30 days", timedelta(days=30)))


def samples_of(application: Application, period: Period, *, now: datetime) -> list[Sample]:
    """In their order, each of the period's span. One query."""
    found = Sample.objects.filter(
        instance__application=application, span__in=(1, thinning.SPAN), at__gte=period.window(now).since
    )
    # Of two machines that ran at once, the one after the other: a minute has one sample.
    return thinning.merge(found.order_by("at", "pk"), period.span)


def plots_of(application: Application, period: Period, *, now: datetime) -> tuple[list[Plot], list[Sample]]:
    """Six plots, with a mark for each deployment that went live. Two queries."""
    samples, window = samples_of(application, period, now=now), period.window(now)
    live = application.deployments.filter(
        state=DeploymentState.SUCCEEDED, finished_at__gte=window.since
    ).order_by("finished_at")
    marks = [moment for moment in live.values_list("finished_at", flat=True) if moment]

    def of(read: Callable[[Sample], float | None]) -> list[Point]:
        return [Point(each.at, read(each)) for each in samples]

    def plot(key: str, title: str, unit: str, *series: Any, **more: Any) -> Plot:
        return draw(window, key=key, title=title, unit=unit, series=series, marks=marks, **more)

    minute = "a minute"
    rate, failing = (
        of(lambda each: each.requests / each.minutes),
        of(lambda each: each.errors / each.minutes),
    )
    return [
        plot("processor", "Processor", "%", ("Use", "good", of(lambda each: each.processor)), most=100.0),
        plot("memory", "Memory", "%", ("Use", "busy", of(lambda each: each.memory)), most=100.0),
        plot("disk", "Disk", "%", ("Use", "warn", of(lambda each: each.disk)), most=100.0),
        plot("requests", "Requests", minute, ("Requests", "good", rate)),
        plot("errors", "Errors (5xx)", minute, ("Errors", "bad", failing)),
        plot(
            "times",
            "Response time",
            "ms",
            ("95th percentile", "warn", of(lambda each: each.slow)),
            ("Median", "good", of(lambda each: each.median)),
        ),
    ], samples


@dataclass(frozen=True, kw_only=True)
class Share:
    """``percent`` is None where nobody has looked."""

    label: str
    checks: int
    failed: int

    @property
    def percent(self) -> float | None:
        return 100 * (self.checks - self.failed) / self.checks if self.checks else None

    @property
    def text(self) -> str:
        """``99.98 %``; one failure is never rounded away."""
        if self.percent is None:
            return "not known yet"
        if self.failed and self.percent > 99.99:
            return "99.99 %"
        return f"{self.percent:.2f} %" if self.failed else "100 %"


def uptime_of(application: Application, *, now: datetime) -> list[Share]:
    """One query."""
    sums: dict[str, Any] = {}
    for label, length in SPANS:
        for field in ("checks", "failed"):
            sums[f"{field} {label}".replace(" ", "_")] = Sum(field, filter=Q(hour__gt=now - length))
    found = Uptime.objects.filter(application=application, hour__gt=now - SPANS[-1][1]).aggregate(**sums)
    return [
        Share(
            label=label,
            checks=found[f"checks_{label}".replace(" ", "_")] or 0,
            failed=found[f"failed_{label}".replace(" ", "_")] or 0,
        )
        for label, _ in SPANS
    ]


def outages_of(application: Application) -> Any:
    return Outage.objects.filter(application=application)


def gauge_of(application: Application) -> Gauge | None:
    """Of its newest machine: when it was last heard."""
    return Gauge.objects.filter(instance__application=application).order_by("-instance__created_at").first()


@dataclass(frozen=True, kw_only=True)
class FiguresPage:
    period: Period
    plots: Sequence[Plot]
    samples: Sequence[Sample]
    ticks: Sequence[datetime]
    uptime: Sequence[Share]
    outages: Sequence[Outage]
    gauge: Gauge | None

    @property
    def periods(self) -> Sequence[Period]:
        return list(PERIODS.values())

    @property
    def is_empty(self) -> bool:
        return not self.samples


def read_page(application: Application, period: Period) -> FiguresPage:
    now = timezone.now()
    plots, samples = plots_of(application, period, now=now)
    return FiguresPage(
        period=period,
        plots=plots,
        samples=samples,
        ticks=period.window(now).ticks(),
        uptime=uptime_of(application, now=now),
        outages=list(outages_of(application)[:20]),
        gauge=gauge_of(application),
    )

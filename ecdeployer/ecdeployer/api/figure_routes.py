"""What a site and its machine do, when it was down, and who is told."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from ..alerts import actions
from ..alerts.forms import AlertsForm
from ..alerts.models import AlertSettings
from ..applications.models import Application
from ..applications.queries import find_application
from ..figures.queries import PERIODS, outages_of, samples_of, uptime_of
from .authentication import ApiRequest
from .bodies import Page, Parameters
from .cursors import read_deliveries
from .problems import INVALID, NOT_FOUND, TOO_LARGE, UNAUTHORIZED, UNREADABLE, InvalidError, documented

router = Router(tags=["figures"])


class PeriodName(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class Back(Parameters):
    period: PeriodName = Field(PeriodName.HOUR, description="How far back.")


class SampleRecord(Schema):
    at: datetime = Field(description="When it begins.")
    minutes: int = Field(description="How long it is.")
    processor: float = Field(description="In per cent, as memory and disk.")
    memory: float
    disk: float
    requests: int
    errors: int = Field(description="Those that were answered with 5xx.")
    median_ms: int | None = Field(description="Null without a request.")
    slow_ms: int | None = Field(description="The 95th percentile.")


class FiguresRecord(Schema):
    period: PeriodName
    samples: list[SampleRecord] = Field(description="In their order; none of times that are not known.")


class UptimeRecord(Schema):
    last: str = Field(description="24 hours, 7 days or 30 days.")
    checks: int
    failed: int
    percent: float | None = Field(description="Null where nobody has looked.")


class OutageRecord(Schema):
    id: int
    since: datetime
    until: datetime | None = Field(description="Null: it goes on.")
    reason: str


class OutagePage(Schema):
    uptime: list[UptimeRecord]
    outages: list[OutageRecord]
    next: str | None


class AlertsRecord(Schema):
    email: bool
    down: bool
    disk_percent: int | None
    errors_percent: int | None
    deployments: AlertSettings.Deployments
    webhook: bool = Field(description="Whether there is one: its address never comes back.")
    commit_statuses: bool = Field(description="Whether there is a token for them.")


class AlertsChange(Schema):
    """What is left out stays as it is; null is no rule."""

    model_config = ConfigDict(extra="forbid")

    email: bool | None = None
    down: bool | None = None
    disk_percent: int | None = Field(None, ge=10, le=99)
    errors_percent: int | None = Field(None, ge=1, le=100)
    deployments: AlertSettings.Deployments | None = None
    webhook_url: str | None = Field(None, max_length=1000, description="Empty or null: there is none.")


@router.get(
    "/{uuid:application_id}/figures",
    response={200: FiguresRecord, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def show_figures(request: ApiRequest, application_id: UUID, back: Query[Back]) -> FiguresRecord:
    """A minute, five minutes or half an hour each, as the period is an hour, a day or a week."""
    application = find_application(request.auth, application_id)
    samples = samples_of(application, PERIODS[back.period], now=timezone.now())
    same = ("at", "processor", "memory", "disk", "requests", "errors")
    return FiguresRecord(
        period=back.period,
        samples=[
            SampleRecord(
                **{name: getattr(each, name) for name in same},
                minutes=each.span,
                median_ms=each.median,
                slow_ms=each.slow,
            )
            for each in samples
        ],
    )


@router.get(
    "/{uuid:application_id}/outages",
    response={200: OutagePage, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def list_outages(request: ApiRequest, application_id: UUID, page: Query[Page]) -> OutagePage:
    """The newest first, of 90 days; and how often the site was looked at, and how often in vain."""
    application = find_application(request.auth, application_id)
    shown, following = read_deliveries(outages_of(application), page)
    return OutagePage(
        uptime=[
            UptimeRecord(last=each.label, checks=each.checks, failed=each.failed, percent=each.percent)
            for each in uptime_of(application, now=timezone.now())
        ],
        outages=[OutageRecord.from_orm(each) for each in shown],
        next=following,
    )


@router.get(
    "/{uuid:application_id}/alerts", response={200: AlertsRecord, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def show_alerts(request: ApiRequest, application_id: UUID) -> AlertsRecord:
    """Of what the owner is told, and through what."""
    return _record(AlertSettings.of(find_application(request.auth, application_id).pk))


@router.patch(
    "/{uuid:application_id}/alerts",
    response={
        200: AlertsRecord,
        **documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, TOO_LARGE, INVALID),
    },
)
def change_alerts(
    request: ApiRequest, application_id: UUID, body: AlertsChange | None = None
) -> AlertsRecord:
    """Those that are named alone. It keeps no Idempotency-Key: that would keep the webhook's address."""
    application = find_application(request.auth, application_id)
    given = body.model_dump(exclude_unset=True) if body else {}
    return _record(_change(application, given, request=request))


def _change(application: Application, given: dict[str, object], *, request: ApiRequest) -> AlertSettings:
    """By the rules of the page's form."""
    _refuse_nulls(given, ("email", "down", "deployments"))
    rules = AlertSettings.of(application.pk)
    form = AlertsForm.of(rules, {**AlertsForm.of(rules).initial, **given})
    if not form.is_valid():
        raise InvalidError({name: list(map(str, errors)) for name, errors in form.errors.items()})
    values = {name: form.cleaned_data[name] for name in given if name != "webhook_url"}
    url = form.cleaned_data["webhook_url"] if "webhook_url" in given else None
    return actions.change(application, by=request.auth, webhook_url=url, **values)


def _refuse_nulls(given: dict[str, object], names: Sequence[str]) -> None:
    nulls = [name for name in names if name in given and given[name] is None]
    if nulls:
        raise InvalidError({name: ["It cannot be null: leave it out."] for name in nulls})


def _record(rules: AlertSettings) -> AlertsRecord:
    same = ("email", "down", "disk_percent", "errors_percent", "deployments")
    return AlertsRecord(
        **{name: getattr(rules, name) for name in same},
        webhook=bool(rules.webhook_url),
        commit_statuses=bool(rules.status_token),
    )

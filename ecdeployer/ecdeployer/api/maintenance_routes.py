"""An application's maintenance: shown and wanted."""

from uuid import UUID

from ninja import Router

from ..applications.models import Application
from ..applications.queries import find_application
from ..maintenance import actions
from ..maintenance.forms import MaintenanceForm
from ..maintenance.models import Maintenance
from .authentication import ApiRequest
from .bodies import MaintenanceChange
from .problems import (
    INVALID,
    NOT_FOUND,
    REFUSED,
    TOO_LARGE,
    UNAUTHORIZED,
    UNREADABLE,
    InvalidError,
    documented,
)
from .records import MaintenanceRecord

router = Router(tags=["applications"])
_CHANGES = documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)


@router.get(
    "/{uuid:application_id}/maintenance",
    response={200: MaintenanceRecord, **documented(UNAUTHORIZED, NOT_FOUND)},
)
def show_maintenance(request: ApiRequest, application_id: UUID) -> MaintenanceRecord:
    """What is wanted, and whether the machine has it."""
    application = find_application(request.auth, application_id)
    return _record(application, Maintenance.of(application))


@router.put("/{uuid:application_id}/maintenance", response={200: MaintenanceRecord, **_CHANGES})
def change_maintenance(
    request: ApiRequest, application_id: UUID, body: MaintenanceChange | None = None
) -> MaintenanceRecord:
    """All of it, however often it is sent. The machine hears of it within seconds, and confirms."""
    application = find_application(request.auth, application_id)
    given = (body or MaintenanceChange.model_validate({})).model_dump()
    is_on = given.pop("on")
    form = MaintenanceForm(given)
    if not form.is_valid():
        raise InvalidError(form.errors)
    row = actions.change(application, by=request.auth, is_on=is_on, **form.cleaned_data)
    return _record(application, row)


def _record(application: Application, row: Maintenance) -> MaintenanceRecord:
    instance = application.instances.order_by("-created_at").first()
    return MaintenanceRecord(
        on=row.is_on,
        since=row.since,
        retry_after=row.retry_after,
        message=row.message,
        addresses=row.addresses,
        around_deployments=row.around_deployments,
        confirmed=instance is not None and row.is_confirmed_by(instance),
    )

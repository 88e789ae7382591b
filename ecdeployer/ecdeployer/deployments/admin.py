from django.contrib import admin

from ..records_admin import ReadOnlyAdmin, ReadOnlyInline
from .models import Deployment, Step


class StepInline(ReadOnlyInline):
    """Without the logs, which have pages of their own."""

    model = Step
    fields = ("position", "name", "state", "message", "started_at", "finished_at")
    show_change_link = False


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "failed_step", "failure_code", "commit_sha", "trigger", "queued_at")
    list_filter = ("state", "failed_step", "trigger")
    list_select_related = ("application",)
    search_fields = ("application__name", "commit_sha", "failure_code", "reason")
    date_hierarchy = "queued_at"
    exclude = ("report_token_hash",)
    inlines = (StepInline,)

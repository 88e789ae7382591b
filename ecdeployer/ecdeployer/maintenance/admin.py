from django.contrib import admin

from ..records_admin import ReadOnlyAdmin
from .models import Maintenance


@admin.register(Maintenance)
class MaintenanceAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "is_on", "since", "revision", "confirmed", "machine")
    list_filter = ("is_on", "around_deployments")
    list_select_related = ("application", "machine")
    search_fields = ("application__name",)

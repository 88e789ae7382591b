from django.contrib import admin

from ..records_admin import ReadOnlyAdmin
from .models import Command


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "application", "state", "exit_code", "created_by", "created_at")
    list_filter = ("state", "action")
    list_select_related = ("application", "created_by")
    search_fields = ("application__name", "reason", "command_id")
    date_hierarchy = "created_at"

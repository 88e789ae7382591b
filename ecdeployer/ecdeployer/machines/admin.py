from django.contrib import admin

from ..records_admin import ReadOnlyAdmin
from .models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "application", "state", "created_by", "created_at")
    list_filter = ("state", "kind")
    list_select_related = ("application", "created_by")
    search_fields = ("application__name", "reason")
    date_hierarchy = "created_at"

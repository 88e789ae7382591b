from django.contrib import admin

from ..records_admin import ReadOnlyAdmin, ReadOnlyInline
from .models import Application, EnvironmentVariable, Event


class EnvironmentInline(ReadOnlyInline):
    """Names alone: values are shown to nobody."""

    model = EnvironmentVariable
    fields = ("name", "secret", "changed_at", "changed_by")
    readonly_fields = ("changed_at",)


@admin.register(Application)
class ApplicationAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "project_name", "github_url", "instance_type", "created_at")
    list_filter = ("instance_type", ("terminate_requested_at", admin.EmptyFieldListFilter))
    list_select_related = ("owner",)
    search_fields = ("name", "project_name", "github_url", "owner__username")
    date_hierarchy = "created_at"
    inlines = (EnvironmentInline,)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_name", "subject", "verb", "application", "through", "address", "detail")
    list_filter = ("through", "subject")
    show_full_result_count = False
    list_select_related = ("application",)
    search_fields = ("actor_name", "address", "application__name", "subject", "verb", "detail")
    date_hierarchy = "at"

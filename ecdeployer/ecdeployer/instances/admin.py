from django.contrib import admin

from ..records_admin import ReadOnlyAdmin, ReadOnlyInline
from .models import GoldenImage, Instance, LaunchAttempt


class LaunchAttemptInline(ReadOnlyInline):
    model = LaunchAttempt
    fields = ("number", "outcome", "instance_type", "subnet_id", "error_code", "error_message", "created_at")
    readonly_fields = ("created_at",)
    show_change_link = False


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = (
        "__str__",
        "application",
        "state",
        "instance_type",
        "availability_zone",
        "public_ip",
        "launched_at",
    )
    list_filter = ("state", "instance_type", "availability_zone")
    list_select_related = ("application",)
    search_fields = ("ec2_id", "public_ip", "private_ip", "application__name")
    inlines = (LaunchAttemptInline,)


@admin.register(GoldenImage)
class GoldenImageAdmin(ReadOnlyAdmin):
    list_display = ("ami_id", "name", "base_ami_id", "created_at")
    search_fields = ("ami_id", "name")

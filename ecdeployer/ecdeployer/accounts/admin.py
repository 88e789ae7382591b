from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _

from .models import User

# The admin's own sign-in page would not be throttled.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# One at a time: Django tells of several deletions without a signal, and the audit log would not hear.
admin.site.disable_action("delete_selected")
admin.site.site_header = _("EC Django Deployer: operators")
admin.site.site_title = _("Operators")
admin.site.index_title = _("Records")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """People. Everything else that an application has is in the rooms of its own."""

    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("Pages", {"fields": ("time_zone",)}),
        ("Limits", {"fields": ("machine_limit", "monthly_usd_limit")}),
    )
    list_display = ("username", "email", "is_staff", "is_active", "last_login")

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from .accounts.views import first_operator, profile
from .operating.views import about, show_metrics, static_file
from .webhooks.views import receive

urlpatterns = [
    # The first, since it is asked for most often.
    path("hooks/<uuid:pk>/", receive, name="hook"),
    path("", RedirectView.as_view(pattern_name="applications:list"), name="home"),
    path("applications/", include("ecdeployer.applications.urls")),
    path("deployments/", include("ecdeployer.deployments.urls")),
    path("applications/", include("ecdeployer.webhooks.urls")),
    path("applications/", include("ecdeployer.figures.urls")),
    path("applications/", include("ecdeployer.alerts.urls")),
    path("applications/", include("ecdeployer.machines.urls")),
    path("applications/", include("ecdeployer.maintenance.urls")),
    path("commands/", include("ecdeployer.commands.urls")),
    path("logs/", include("ecdeployer.site_logs.urls")),
    path("schedules/", include("ecdeployer.commands.schedule_urls")),
    path("processes/", include("ecdeployer.commands.process_urls")),
    path("reports/commands/", include("ecdeployer.commands.report_urls")),
    path("reports/", include("ecdeployer.deployments.report_urls")),
    path("api/v1/", include("ecdeployer.api.urls")),
    path("help/findings/", include("ecdeployer.applications.finding_urls")),
    path("accounts/profile/", profile, name="profile"),
    path("accounts/profile/tokens/", include("ecdeployer.accounts.token_urls")),
    path("accounts/first/", first_operator, name="first-operator"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("about/", about, name="about"),
    path("metrics", show_metrics, name="metrics"),
    path(f"{settings.STATIC_URL.lstrip('/')}<path:name>", static_file, name="static-file"),
    # For pages whose head names no icon: Django's admin.
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("portal/mark.svg")), name="favicon"),
]

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("reports/", include("ecdeployer.deployments.report_urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

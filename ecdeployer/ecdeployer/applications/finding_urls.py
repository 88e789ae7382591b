from django.urls import path

from . import finding_views

app_name = "findings"
urlpatterns = [
    path("", finding_views.list_findings, name="index"),
    path("<slug:code>/", finding_views.show_finding, name="detail"),
]

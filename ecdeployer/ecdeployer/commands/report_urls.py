from django.urls import path

from . import report_views

app_name = "commands-reports"
urlpatterns = [path("<uuid:pk>/", report_views.receive, name="receive")]

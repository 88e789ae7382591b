from django.urls import path

from . import process_views

app_name = "schedules"
urlpatterns = [
    path("<uuid:pk>/", process_views.change_schedule, name="change"),
    path("<uuid:pk>/switch/", process_views.switch_schedule, name="switch"),
    path("<uuid:pk>/remove/", process_views.remove_schedule, name="remove"),
    path("<uuid:pk>/run/", process_views.run_schedule, name="run"),
]

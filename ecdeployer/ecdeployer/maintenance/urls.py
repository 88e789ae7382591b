from django.urls import path

from . import views

app_name = "maintenance"
urlpatterns = [
    path("<uuid:pk>/maintenance/", views.maintenance, name="page"),
    path("<uuid:pk>/maintenance/live/", views.poll_maintenance, name="live"),
    path("<uuid:pk>/maintenance/switch/", views.switch, name="switch"),
]

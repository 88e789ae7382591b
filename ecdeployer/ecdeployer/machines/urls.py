from django.urls import path

from . import views

app_name = "machines"
urlpatterns = [
    path("<uuid:pk>/machine/", views.show_machine, name="machine"),
    path("<uuid:pk>/machine/live/", views.poll_machine, name="live"),
    path("<uuid:pk>/machine/resize/", views.resize, name="resize"),
    path("<uuid:pk>/machine/rebuild/", views.rebuild, name="rebuild"),
    path("<uuid:pk>/machine/stop/", views.stop, name="stop"),
    path("<uuid:pk>/machine/start/", views.start, name="start"),
    path("<uuid:pk>/machine/reboot/", views.reboot, name="reboot"),
]

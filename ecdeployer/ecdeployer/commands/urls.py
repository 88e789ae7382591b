from django.urls import path

from . import views

app_name = "commands"
urlpatterns = [
    path("of/<uuid:application>/", views.list_commands, name="list"),
    path("of/<uuid:application>/superuser/", views.create_superuser, name="superuser"),
    path("<uuid:pk>/", views.show_command, name="detail"),
    path("<uuid:pk>/live/", views.poll_command, name="live"),
    path("<uuid:pk>/output/", views.show_output, name="output"),
    path("<uuid:pk>/cancel/", views.cancel, name="cancel"),
]

from django.urls import path

from . import views

app_name = "logs"
urlpatterns = [
    path("of/<uuid:application>/", views.show_logs, name="show"),
    path("of/<uuid:application>/deployments/", views.show_deployments, name="deployments"),
    path("<uuid:pk>/", views.show_reading, name="reading"),
    path("<uuid:pk>/live/", views.poll_reading, name="live"),
    path("<uuid:pk>/file/", views.take_file, name="file"),
]

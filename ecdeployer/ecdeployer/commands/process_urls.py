from django.urls import path

from . import process_views

app_name = "processes"
urlpatterns = [
    path("of/<uuid:application>/", process_views.show_processes, name="list"),
    path("of/<uuid:application>/live/", process_views.poll_processes, name="live"),
    path("of/<uuid:application>/ask/", process_views.ask, name="ask"),
    path("of/<uuid:application>/<slug:name>/restart/", process_views.restart, name="restart"),
]

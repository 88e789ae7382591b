from django.urls import path

from . import views

app_name = "alerts"
urlpatterns = [
    path("<uuid:pk>/alerts/", views.show_alerts, name="show"),
    path("<uuid:pk>/alerts/token/", views.set_token, name="token"),
    path("<uuid:pk>/alerts/test/<slug:channel>/", views.test, name="test"),
]

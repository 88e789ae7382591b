from django.urls import path

from . import views

app_name = "deployments"
urlpatterns = [
    path("<uuid:pk>/", views.show_deployment, name="detail"),
    path("<uuid:pk>/live/", views.poll_deployment, name="live"),
    path("<uuid:pk>/confirm/", views.confirm_migrations, name="confirm"),
    path("<uuid:pk>/log/<slug:step>/", views.show_log, name="log"),
]

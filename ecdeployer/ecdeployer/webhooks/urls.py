from django.urls import path

from . import views

app_name = "webhooks"
urlpatterns = [
    path("<uuid:pk>/push/", views.show_push, name="push"),
    path("<uuid:pk>/push/switch/", views.switch, name="switch"),
    path("<uuid:pk>/push/secret/", views.rotate, name="rotate"),
    path("<uuid:pk>/push/deliveries/<int:delivery>/", views.show_delivery, name="delivery"),
    path("<uuid:pk>/push/deliveries/<int:delivery>/again/", views.redeliver, name="redeliver"),
]

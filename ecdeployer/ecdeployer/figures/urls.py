from django.urls import path

from . import views

app_name = "figures"
urlpatterns = [path("<uuid:pk>/figures/", views.show_figures, name="show")]

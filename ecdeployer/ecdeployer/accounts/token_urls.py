from django.urls import path

from . import token_views

app_name = "tokens"
urlpatterns = [
    path("", token_views.list_tokens, name="list"),
    path("<int:pk>/revoke/", token_views.revoke_token, name="revoke"),
]

from django.urls import path

from . import environment_views, general_views, import_views, repository_views, rollback_views, views

app_name = "applications"
urlpatterns = [
    path("", views.list_applications, name="list"),
    path("new/", views.new_application, name="new"),
    path("<uuid:pk>/", views.show_application, name="detail"),
    path("<uuid:pk>/live/", views.poll_application, name="live"),
    path("<uuid:pk>/deploy/", views.deploy, name="deploy"),
    path("<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("<uuid:pk>/answer/", views.answer, name="answer"),
    path("<uuid:pk>/terminate/", views.terminate, name="terminate"),
    path("<uuid:pk>/deployments/", views.list_deployments, name="deployments"),
    path("<uuid:pk>/deployments/<int:number>/roll-back/", rollback_views.roll_back, name="roll-back"),
    path("<uuid:pk>/activity/", views.list_events, name="events"),
    path("<uuid:pk>/general/", general_views.general, name="general"),
    path("<uuid:pk>/repository/", repository_views.repository, name="repository"),
    path("<uuid:pk>/repository/key/", repository_views.make_key, name="make-key"),
    path("<uuid:pk>/repository/key/remove/", repository_views.remove_key, name="remove-key"),
    path("<uuid:pk>/environment/", environment_views.environment, name="environment"),
    path("<uuid:pk>/environment/change/", environment_views.change_variable, name="change-variable"),
    path("<uuid:pk>/environment/remove/", environment_views.remove_variable, name="remove-variable"),
    path("<uuid:pk>/environment/import/", import_views.preview, name="import-variables"),
    path("<uuid:pk>/environment/import/save/", import_views.confirm, name="confirm-import"),
    path("<uuid:pk>/environment/export/", environment_views.export, name="export-variables"),
    path("<uuid:pk>/environment/apply/", environment_views.apply_environment, name="apply-environment"),
]

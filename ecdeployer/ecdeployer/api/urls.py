from django.conf import settings
from django.urls import path

from . import (
    application_routes,
    command_routes,
    deployment_routes,
    environment_routes,
    figure_routes,
    limit_routes,
    log_routes,
    machine_routes,
    maintenance_routes,
    problems,
    process_routes,
    webhook_routes,
)
from .authentication import Token
from .document import PortalAPI, ReadingPage

api = PortalAPI(
    title=settings.SITE_NAME,
    version="1",
    description="What the pages of the portal do, for programs. Every request carries its person's token as "
    "Authorization: Bearer ecd_...; what cannot be done is answered with problem details (RFC 9457).",
    urls_namespace="api",
    docs=ReadingPage(),
    servers=[{"url": settings.PORTAL_URL}],
    auth=Token(),
)
problems.answer_exceptions(api)
api.add_router("/applications", application_routes.router)
api.add_router("/applications", webhook_routes.router)
api.add_router("/applications", command_routes.of_an_application)
api.add_router("/applications", figure_routes.router)
api.add_router("/applications", machine_routes.router)
api.add_router("/commands", command_routes.router)
api.add_router("/applications", log_routes.of_an_application)
api.add_router("/logs", log_routes.router)
api.add_router("/applications", process_routes.of_an_application)
api.add_router("/schedules", process_routes.router)
api.add_router("/applications", environment_routes.router)
api.add_router("/applications", maintenance_routes.router)
api.add_router("/deployments", deployment_routes.router)
api.add_router("/limits", limit_routes.router)

urlpatterns = [path("", api.urls)]

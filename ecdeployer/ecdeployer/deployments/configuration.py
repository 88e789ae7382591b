"""What a deployment brings live beside its commit: the site's environment, and how it is asked for."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils.crypto import salted_hmac

from ..applications.models import Application, SiteKey
from .models import Deployment
from .states import DeploymentState

SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"
SITE_KEY = "ECDEPLOYER_SECRET_KEY"
_TOLD = ("github_url", "project_name", "health_path")


def configuration_of(deployment: Deployment) -> str:
    """A keyed hash of what a deployment brings live beside its commit: it says whether two differ."""
    variables, key = _read(deployment.application)
    told = [getattr(deployment.application, name) for name in _TOLD]
    return _hash(told, variables, key, secret=settings.SECRET_KEY)


def take_environment(deployment: Deployment) -> dict[str, str]:
    """The site's variables as its machine gets them, a key of its own among them.

    The deployment's configuration is what was taken: somebody may have saved since preflight.
    """
    variables, key = _read(deployment.application)
    told = [getattr(deployment.application, name) for name in _TOLD]
    deployment.configuration = _hash(told, variables, key, secret=settings.SECRET_KEY)
    deployment.save(update_fields=["configuration"])
    return _environment(variables, key)


def is_live(application_id: UUID) -> bool:
    """Whether the release that serves has what is saved now; True where that is not known. One query."""
    succeeded = Deployment.objects.filter(application=OuterRef("pk"), state=DeploymentState.SUCCEEDED)
    live = Subquery(succeeded.order_by("-number").values("configuration")[:1])
    variable = ("environment__name", "environment__value")
    row = Application.objects.filter(pk=application_id)
    lines = list(row.values_list(live, "site_key__value", *variable, *_TOLD))
    kept, key, _, _, *told = lines[0]
    variables = {line[2]: line[3] for line in lines if line[2] is not None}
    if not kept or key is None:
        return True
    # It was made with the key of then.
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(kept == _hash(told, variables, key, secret=secret) for secret in secrets)


def _read(application: Application) -> tuple[dict[str, str], str]:
    key, _ = SiteKey.objects.get_or_create(application=application)
    return dict(application.environment.values_list("name", "value")), key.value


def _hash(told: list[str], variables: Mapping[str, str], key: str, *, secret: str) -> str:
    environment = sorted(_environment(variables, key).items())
    text = json.dumps([*told, variables.get(SETTINGS_MODULE, ""), environment])
    return salted_hmac("ecdeployer configuration", text, secret=secret, algorithm="sha256").hexdigest()


def _environment(variables: Mapping[str, str], key: str) -> dict[str, str]:
    # The settings module travels in the deployment's parameters: the release's own stands in its place.
    given = {name: value for name, value in variables.items() if name != SETTINGS_MODULE}
    return given | {SITE_KEY: key}

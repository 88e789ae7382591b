"""What preflight asked of the developer, as a form."""

from collections.abc import Mapping
from typing import Any

from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from .environment_forms import AnswerForm

SETTINGS_CODES = frozenset(
    {"settings-module-unknown", "settings-module-missing", "settings-module-ambiguous"}
)
ENVIRONMENT_CODE = "environment-required"


def answer_form(deployment: Deployment | None, data: Mapping[str, Any] | None = None) -> AnswerForm | None:
    """The form for a deployment that ended with questions; None where it ended otherwise."""
    if deployment is None or deployment.state != DeploymentState.FAILED:
        return None
    codes = {finding.get("code") for finding in deployment.findings if finding.get("level") == "error"}
    names = deployment.facts.get("required_environment", []) if ENVIRONMENT_CODE in codes else []
    modules = deployment.facts.get("settings_candidates", []) if SETTINGS_CODES & codes else []
    if not names and not modules:
        return None
    return AnswerForm(data, names=names, settings_modules=modules)

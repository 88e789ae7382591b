import uuid
from collections.abc import Callable
from typing import Any

import pytest
from ecdeployer.cloud_init.parameters import DeploymentParameters

Make = Callable[..., DeploymentParameters]


@pytest.fixture
def make() -> Make:
    """Parameters of a deployment, some of them others."""

    def parameters(**changes: Any) -> DeploymentParameters:
        fields: dict[str, Any] = {
            "deployment": str(uuid.UUID(int=1)),
            "application": str(uuid.UUID(int=2)),
            "release": "000012",
            "report_url": "https://portal.example.com/reports/1/",
            "report_token": "t" * 64,
            "region": "eu-west-1",
            "aws_endpoint_url": None,
            "parameter_path": "/ecdeployer/2/environment",
            "repository": "https://github.com/ada/mysite",
            "commit": "a" * 40,
            "branch": "main",
            "project_name": "mysite",
            "project_directory": "mysite",
            "settings_module": "mysite.settings",
            "wsgi_module": "mysite.wsgi",
            "asgi_module": "",
            "document_version": "b" * 32,
        }
        return DeploymentParameters(**(fields | changes))

    return parameters

"""What lies behind the seams of a deployment: git, the reading child, AWS, the site."""

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from django.utils import timezone
from ecdeployer.aws.documents import Document
from ecdeployer.deployments import health
from ecdeployer.git import keys, repository
from ecdeployer.git.repository import Commit
from ecdeployer.instances import addresses, commands, deploy_keys, environment, provisioning, run_documents
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from ecdeployer.preflight import sandbox
from ecdeployer.preflight.facts import Facts, RequirementSource
from ecdeployer.preflight.findings import Finding
from ecdeployer.preflight.reading import Report

DOCUMENT = Document("ecdeployer-deploy", "12", is_default=True)
COMMIT = Commit(sha="c" * 40, subject="Say hello", author="Ada", committed_at=timezone.now(), branch="main")
FACTS = Facts(
    project_directory="mysite",
    settings_module="mysite.settings",
    wsgi_module="mysite.wsgi",
    asgi_module="",
    interface="wsgi",
    python="",
    requirement_sources=(RequirementSource(kind="requirements", path="requirements.txt"),),
    services=(),
    database="sqlite",
    required_environment=(),
    settings_candidates=("mysite.settings",),
)
WARNING = Finding(code="debug-on", level="warning", message="DEBUG is on.", remedy="None needed.")
ERROR = Finding(code="project-missing", level="error", message="There is no mysite.", remedy="Rename it.")
PAIR = keys.make_pair(comment="site@127.0.0.1")
GOOD = {"state": "succeeded", "step": "health", "reason": "", "code": ""}
BAD = {"state": "failed", "step": "install", "reason": "No such package.", "code": "install-failed"}


class World:
    """Fakes of the real signatures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fake(real: Any, module: Any, **behaviour: Any) -> Mock:
            double: Mock = create_autospec(real, **behaviour)
            monkeypatch.setattr(module, real.__name__, double)
            return double

        self.user_data = b""
        report = Report(findings=(WARNING,), facts=FACTS)
        self.clone = fake(repository.clone, repository, return_value=COMMIT)
        self.read = fake(sandbox.read_in_child, sandbox, return_value=report)
        self.launch = fake(provisioning.launch, provisioning, side_effect=self._launch)
        self.ensure = fake(addresses.ensure, addresses)
        self.point = fake(addresses.point, addresses, return_value=True)
        self.write = fake(environment.write, environment)
        self.read_key = fake(deploy_keys.read, deploy_keys, return_value=PAIR.private)
        self.share_key = fake(deploy_keys.share, deploy_keys)
        self.send = fake(commands.send, commands, return_value="command-1")
        self.status = fake(commands.status, commands, return_value=None)
        self.outcome = fake(commands.outcome, commands)
        self.console = fake(commands.console, commands, return_value="panic: no hunter-two\n")
        self.ask = fake(health.ask, health, return_value=health.Health())
        fake(run_documents.find, run_documents, return_value=DOCUMENT)

    def _launch(self, instance: Instance, *, render: Callable[[], bytes]) -> None:
        self.user_data = render()
        Instance.objects.filter(pk=instance.pk).update(state=InstanceState.PENDING, ec2_id="i-0abc")

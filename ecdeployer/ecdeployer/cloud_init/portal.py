"""The deployment document of the portal's own release, for user_data/deploy.sh on the portal's machine.

portal.py BUNDLE MACHINE DEPLOYMENT RELEASE [back], in the bundle, by the machine's own Python: so it imports
nothing but the modules beside it. MACHINE is the file in which the machine's user data says where it is; with
``back`` the release is one that served before.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from . import nginx, supervisor

#: Answers while the process does; whether all it needs is there, ValidateService asks at /readyz.
HEALTH_PATH = "/healthz"
_PROCESS = re.compile(r"([A-Za-z0-9_-]{1,40}):\s*(\S.*)")


def document(
    *,
    bundle: str,
    commit: str,
    procfile: str,
    machine: dict[str, Any],
    deployment: str,
    release: str,
    back: bool = False,
) -> dict[str, Any]:
    """As DeploymentParameters has it for a site; what is empty here the portal does without.

    No secret is in it: the portal reads its settings from Parameter Store itself, by the machine's role.
    """
    processes = [match.groups() for line in procfile.splitlines() if (match := _PROCESS.fullmatch(line))]
    environment = {
        "SETTINGS_PARAMETER_PATH": machine["settings_parameter_path"],
        "AWS_REGION": machine["region"],
    }
    if machine.get("aws_endpoint_url"):
        environment["AWS_ENDPOINT_URL"] = machine["aws_endpoint_url"]
    return {
        "version": 1,
        "deployment": deployment,
        "release": release,
        "report_url": "",
        "report_token": "",
        "region": machine["region"],
        "aws_endpoint_url": machine.get("aws_endpoint_url"),
        "parameter_path": "",
        "environment": environment,
        "repository": bundle,
        "commit": commit,
        "branch": "",
        "known_hosts": "",
        "deploy_key": "",
        "project_name": "ecdeployer",
        "project_directory": "ecdeployer",
        "settings_module": "ecdeployer.settings",
        "wsgi_module": "ecdeployer.wsgi",
        "asgi_module": "",
        "interface": "wsgi",
        "python": "",
        "requirement_sources": [["requirements", "requirements.txt"]],
        "services": [],
        "database": "",
        "health_path": HEALTH_PATH,
        "placeholders": [],
        "rollback_to": release if back else "",
        "confirm_migrations": False,
        "confirmed_plan": "",
        "addresses": [],
        "balanced": True,
        "maintenance": {},
        "processes": processes,
        "procfile": "Procfile",
        "release_command": "",
        "schedules": [],
        "schedules_revision": 0,
        # Nobody but the machine itself asks behind maintenance.
        "nginx": nginx.render(
            release, check=hashlib.sha256(deployment.encode()).hexdigest()[:32], balanced=True
        ),
        "supervisor": supervisor.render(release),
        "programs": supervisor.render_processes(release, [name for name, _ in processes]),
    }


def main(bundle: str, machine: str, deployment: str, release: str, *rest: str) -> None:
    told = json.loads(Path(bundle, "ecdeployer/release.json").read_text(encoding="ascii"))
    made = document(
        bundle=bundle,
        commit=told["commit"],
        procfile=Path(bundle, "Procfile").read_text(encoding="ascii"),
        machine=json.loads(Path(machine).read_text(encoding="ascii")),
        deployment=deployment,
        release=release,
        back=rest == ("back",),
    )
    print(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])

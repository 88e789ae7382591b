"""Run Command documents of our own: constant, with typed parameters that travel as environment variables.

AWS's agent sets ``SSM_<name>`` for a parameter of interpolation type ENV_VAR from version 3.3.2746.0 on; an
older one puts the text in place of ``{{ name }}``, which the pattern makes harmless.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from . import scripts
from .parameters import DeploymentParameters

_UNPACK = """\
#!/bin/sh
set -eu
umask 077
mkdir -p %(directory)s/user_data
chmod 755 /opt/ecdeployer %(directory)s %(directory)s/user_data
unpack='import bz2, sys; sys.stdout.buffer.write(bz2.decompress(sys.stdin.buffer.read()))'
cd %(directory)s/user_data
base64 -d <<'ARCHIVE' | python3 -Ic "$unpack" | tar -x --no-same-owner --same-permissions
%(archive)s
ARCHIVE
if [ -z "${SSM_Deployment+x}" ]; then SSM_Deployment="{{ Deployment }}"; fi
cd %(directory)s
"""

_DEPLOY = """\
incoming=$(mktemp /run/ecdeployer-deployment.XXXXXX)
trap 'rm -f "$incoming"' EXIT
printf %s "$SSM_Deployment" | base64 -d | gzip -d >"$incoming"
unset SSM_Deployment
bash /opt/ecdeployer/user_data/deploy.sh "$incoming"
"""

_ACT = """\
incoming=$(mktemp /run/ecdeployer-command.XXXXXX)
printf %s "$SSM_Deployment" | base64 -d | gzip -d >"$incoming"
unset SSM_Deployment
python3 -sEm user_data.act "$incoming"
"""

#: It brings the sampler along: a machine that was set up by an older portal has figures, too.
_FIGURES = """\
#!/bin/sh
set -eu
umask 022
if [ -z "${SSM_Since+x}" ]; then SSM_Since="{{ Since }}"; fi
cat >/opt/ecdeployer/figures.new <<'PROGRAM'
%(program)s
PROGRAM
mv /opt/ecdeployer/figures.new /opt/ecdeployer/figures.py
exec python3 -I /opt/ecdeployer/figures.py answer "$SSM_Since"
"""

_STATUS = """\
python3 -sEm user_data.report status "$SSM_Deployment"
"""


def version_name(content: Mapping[str, Any]) -> str:
    """What the version of a document that has this content is called, by whichever portal makes it."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def deploy_document() -> dict[str, Any]:
    """Runs ``deploy.sh`` of this portal's version with the deployment it is given."""
    return _document(
        "Bring a deployment of EC Django Deployer live on its machine.",
        parameter=("The deployment's JSON, gzipped, in base64.", "^[A-Za-z0-9+/=]*$"),
        script=_bringing(scripts.DEPLOYING, scripts.DEPLOYING_DIRECTORY) + _DEPLOY,
        seconds=3600,
    )


def status_document() -> dict[str, Any]:
    """Prints what a deployment would have reported, as the JSON of a report."""
    return _document(
        "Tell how far a deployment of EC Django Deployer is.",
        parameter=("The deployment's id.", "^[0-9a-f-]{36}$"),
        script=_bringing(scripts.ASKED, scripts.ASKED_DIRECTORY) + _STATUS,
        seconds=60,
    )


def act_document() -> dict[str, Any]:
    """Runs ``act.py`` with the request that it is given."""
    return _document(
        "Do what a person asks of a machine of EC Django Deployer.",
        parameter=("The request's JSON, gzipped, in base64.", "^[A-Za-z0-9+/=]*$"),
        script=_bringing(scripts.ASKED, scripts.ASKED_DIRECTORY) + _ACT,
        seconds=4 * 3600,
    )


def figures_document() -> dict[str, Any]:
    """Has a machine keep figures, and prints those that it has (see ``user_data/figures.py``)."""
    return _document(
        "Tell what a machine of EC Django Deployer does, minute by minute.",
        parameter=("The first minute, counted from 1970.", "^[0-9]{1,9}$"),
        name="Since",
        script=_FIGURES % {"program": scripts.read("figures.py").rstrip("\n")},
        seconds=60,
    )


def deploy_arguments(parameters: DeploymentParameters) -> dict[str, list[str]]:
    """``Parameters`` of SendCommand for the deploy document."""
    return {"Deployment": [_packed(parameters.to_json())]}


def status_arguments(deployment: str) -> dict[str, list[str]]:
    """``Parameters`` of SendCommand for the status document."""
    return {"Deployment": [deployment]}


def figures_arguments(since: int) -> dict[str, list[str]]:
    """``Parameters`` of SendCommand for the document of figures."""
    return {"Since": [str(since)]}


def act_arguments(request: Mapping[str, Any]) -> dict[str, list[str]]:
    """``Parameters`` of SendCommand for the document of actions."""
    return {"Deployment": [_packed(json.dumps(request))]}


def _bringing(names: tuple[str, ...], directory: str) -> str:
    return _UNPACK % {"archive": scripts.archive(names), "directory": directory}


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def _document(
    description: str, *, parameter: tuple[str, str], script: str, seconds: int, name: str = "Deployment"
) -> dict[str, Any]:
    meaning, pattern = parameter
    return {
        "schemaVersion": "2.2",
        # The second sentence tells it from the versions without a name that earlier portals have made: AWS
        # takes no content twice.
        "description": f"{description} A version is named by the digest of its content.",
        "parameters": {
            name: {
                "type": "String",
                "description": meaning,
                "allowedPattern": pattern,
                "interpolationType": "ENV_VAR",
            }
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "run",
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {"timeoutSeconds": str(seconds), "runCommand": script.splitlines()},
            }
        ],
    }

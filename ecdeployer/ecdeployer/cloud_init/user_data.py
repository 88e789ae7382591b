"""User data for RunInstances: a cloud-config that writes files, a script that runs, gzipped together."""

import gzip
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from textwrap import indent

from . import cloudwatch_agent, scripts
from .parameters import DeploymentParameters, ImageParameters

#: EC2 refuses more, counted before base64.
LIMIT = 16384

_BOUNDARY = "=====ecdeployer====="


class UserDataTooLargeError(ValueError):
    """The user data does not fit; what varies is the developer's placeholders and paths."""


def render(parameters: DeploymentParameters) -> bytes:
    """What brings one deployment up on a new machine. Raises UserDataTooLargeError."""
    files = [
        _file("/opt/ecdeployer/fetch_scripts.py", scripts.read("fetch_scripts.py")),
        _file("/etc/ecdeployer/deployment.json", parameters.to_json() + "\n", mode="0600"),
    ]
    return _multipart(files, scripts.read("userdata_provision.sh"))


def render_image(parameters: ImageParameters) -> bytes:
    """What makes a golden image of a new machine."""
    files = [
        _file("/etc/ecdeployer/image.json", parameters.to_json() + "\n"),
        _file("/etc/ecdeployer/warm_packages.txt", scripts.read("warm_packages.txt")),
    ]
    if parameters.cloudwatch_namespace:
        figures = cloudwatch_agent.configuration(parameters.cloudwatch_namespace)
        files.append(_file("/etc/ecdeployer/cloudwatch_agent.json", json.dumps(figures, indent=2) + "\n"))
    return _multipart(files, scripts.read("userdata_image.sh"))


def _file(path: str, text: str, *, mode: str = "0644") -> str:
    """A cloud-config entry; the text as a literal block, so that people can read what a machine was given."""
    return f'- path: {path}\n  permissions: "{mode}"\n  content: |\n{indent(text, "    ")}'


def _multipart(files: list[str], script: str) -> bytes:
    message = MIMEMultipart(boundary=_BOUNDARY)
    config = "#cloud-config\nssh_genkeytypes: [ed25519]\nwrite_files:\n" + "".join(files)
    message.attach(MIMEText(config, "cloud-config", "us-ascii"))
    message.attach(MIMEText(script, "x-shellscript", "us-ascii"))
    packed = gzip.compress(message.as_bytes(), compresslevel=9, mtime=0)
    if len(packed) > LIMIT:
        raise UserDataTooLargeError(f"the user data takes {len(packed):,} bytes; EC2 takes {LIMIT:,}")
    return packed

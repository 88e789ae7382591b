"""The phases of buildspec.yml, in CodeBuild's order and with what CodeBuild tells its commands.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html. Of it: version 0.2 with the
shell bash, where the commands of all phases run in one shell; variables; phases that abort; one artifact with
a base directory and ``**/*``. Not: reports, caches, batches, exported variables, Parameter Store.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_KEPT = ("PATH", "HOME", "LANG", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "PIP_CERT")

#: Of every build: where it would ask for its role's credentials. Nobody answers here.
ROLE = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
    "AWS_REGION": "eu-west-1",
}


class BuildError(Exception):
    """A command that failed, by its phase."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One run over a checkout. ``variables`` stand in the place of the build specification's own."""

    source: Path
    commit: str
    number: str
    variables: Mapping[str, str]

    def run(self, log: Path) -> Path:
        """The folder of the artifact. Raises BuildError with the log's last lines."""
        specification = read(self.source / "buildspec.yml")
        with log.open("wb") as file:
            done = subprocess.run(
                ["bash", "-c", script(specification)],
                cwd=self.source,
                env=self._environment(specification),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise BuildError("".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:]))
        return self.source / str(specification["artifacts"]["base-directory"])

    def _environment(self, specification: Mapping[str, Any]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {name: str(value) for name, value in specification["env"].get("variables", {}).items()}
        told = {
            **ROLE,
            "CODEBUILD_RESOLVED_SOURCE_VERSION": self.commit,
            "CODEBUILD_BUILD_NUMBER": self.number,
            "CODEBUILD_SRC_DIR": str(self.source),
        }
        return kept | own | dict(self.variables) | told


def read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def script(specification: Mapping[str, Any]) -> str:
    """All commands for one shell, which ends at the first that fails."""
    lines = []
    for phase in PHASES:
        commands = specification["phases"].get(phase, {}).get("commands", [])
        lines.append(f"echo {shlex.quote(f'== {phase} ==')}")
        for command in commands:
            failed = f"{phase}: {command}"
            lines.append(f"{{ {command}\n}} || {{ echo {shlex.quote(f'FAILED {failed}')}; exit 1; }}")
    return "\n".join(lines)

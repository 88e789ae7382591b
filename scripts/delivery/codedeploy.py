"""CodeDeploy, in place and one machine at a time, behind a load balancer, rolled back by itself.

The order is the documented one:
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html. What it
does not do: alarms, other configurations than OneAtATime, more than one group, hooks of Auto Scaling.
"""

import base64
import io
import json
import secrets
import shlex
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from scripts.delivery.cloud import REGION, Cloud

AGENT = (Path(__file__).parent / "agent.py").read_text(encoding="ascii")
BUCKET, GROUP = "ecdeployer-artifacts", "portal"
#: With a load balancer. The balancer's own two are done from here.
EVENTS = (
    "BeforeBlockTraffic",
    "BlockTraffic",
    "AfterBlockTraffic",
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
)


#: These take a machine out of it, and put it back.
TRAFFIC = frozenset(name for name in EVENTS if name.endswith("Traffic"))


class Balancer(Protocol):
    """What stands before the machines."""

    def block(self, ec2_id: str) -> None: ...
    def allow(self, ec2_id: str) -> None: ...


class RollbackError(Exception):
    """What failed when the last good revision was to come back. Machines have to be looked at."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A bundle in S3, and its appspec.yml."""

    key: str
    commit: str
    appspec: dict[str, Any]


@dataclass
class Event:
    """One lifecycle event on one machine."""

    ec2_id: str
    name: str
    succeeded: bool
    seconds: float
    text: str


@dataclass
class Deployment:
    """One revision on its way to all machines."""

    identity: str
    revision: Revision
    events: list[Event] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """The machines on which an event failed."""
        return [event.ec2_id for event in self.events if not event.succeeded]

    @property
    def reason(self) -> str:
        """The first failure's event, and what the machine said."""
        first = next(event for event in self.events if not event.succeeded)
        return f"{first.name} on {first.ec2_id}: {first.text}"


def upload(cloud: Cloud, folder: Path) -> Revision:
    """The bundle as CodePipeline would hand it on: a zip, with the files' modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    told = json.loads((folder / "ecdeployer" / "release.json").read_text())
    key = f"portal/{told['commit']}-{secrets.token_hex(4)}.zip"
    cloud.make_bucket(BUCKET)
    cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
    appspec = yaml.safe_load((folder / "appspec.yml").read_text())
    return Revision(key=key, commit=told["commit"], appspec=appspec)


@dataclass
class CodeDeploy:
    """A deployment group. ``last`` is the revision that a rollback deploys.

    ``traffic_control`` is off for one machine alone, as in infrastructure/templates/pipeline.yaml.
    """

    cloud: Cloud
    balancer: Balancer
    say: Callable[[str], None]
    traffic_control: bool = True
    last: Revision | None = None

    def deploy(self, revision: Revision, machines: Sequence[str]) -> Deployment:
        """One after the other; after a failure the last good revision comes back to those that were changed.
        Raises RollbackError.

        CodeDeploy lets OneAtATime succeed when only the last of several machines failed, and leaves that one
        out of the balancer; here that is a failure, too:
        https://docs.aws.amazon.com/codedeploy/latest/userguide/instances-health.html.
        """
        deployment = self._run(revision, machines)
        if not deployment.failed:
            self.last = revision
        elif self.last is not None:
            touched = list(dict.fromkeys(event.ec2_id for event in deployment.events))
            self.say(f"{deployment.reason}\nrolling back to {self.last.commit[:12]}")
            back = self._run(self.last, touched)
            if back.failed:
                raise RollbackError(f"the rollback failed as well: {back.reason}")
        return deployment

    def _run(self, revision: Revision, machines: Sequence[str]) -> Deployment:
        deployment = Deployment(f"d-{secrets.token_hex(5).upper()[:9]}", revision)
        for ec2_id in machines:
            for name in EVENTS:
                if name in TRAFFIC and not self.traffic_control:
                    continue
                event = self.happen(deployment, ec2_id, name)
                deployment.events.append(event)
                if not event.succeeded:
                    return deployment
        return deployment

    def happen(self, deployment: Deployment, ec2_id: str, name: str) -> Event:
        """One event on one machine."""
        began = time.monotonic()
        succeeded, text = True, ""
        if name == "BlockTraffic":
            self.balancer.block(ec2_id)
        elif name == "AllowTraffic":
            self.balancer.allow(ec2_id)
        else:
            done = self.cloud.try_to_run(ec2_id, self._command(deployment, name), seconds=2400)
            succeeded, text = done.succeeded, done.text
        seconds = time.monotonic() - began
        self.say(f"{ec2_id} {name:<18} {'' if succeeded else 'FAILED '}{seconds:.1f} s")
        return Event(ec2_id, name, succeeded, seconds, text)

    def _command(self, deployment: Deployment, name: str) -> str:
        told = {
            "APPLICATION_NAME": "ecdeployer",
            "DEPLOYMENT_ID": deployment.identity,
            "DEPLOYMENT_GROUP_NAME": GROUP,
            "DEPLOYMENT_GROUP_ID": "3f8a1f0e-portal",
            "region": REGION,
            "endpoint": self.cloud.inside,
            "bucket": BUCKET,
            "key": deployment.revision.key,
            "appspec": deployment.revision.appspec,
        }
        agent = base64.b64encode(AGENT.encode()).decode()
        place = "mkdir -p /opt/codedeploy-agent && cd /opt/codedeploy-agent"
        put = f"echo {agent} | base64 -d > agent.py"
        run = f"echo {shlex.quote(json.dumps(told))} | /opt/ecdeployer/venv/bin/python3 -sE agent.py {name}"
        return f"{place} && {put} && {run}"

"""The portal on machines of its own, in the local cloud: what CloudFormation makes on AWS."""

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from infrastructure.portal_commands import portal
from infrastructure.terminal import Terminal
from scripts.delivery import neighbours
from scripts.delivery.buildspec import Build, BuildError
from scripts.delivery.cloud import REGION, Cloud
from scripts.delivery.codedeploy import CodeDeploy, Deployment, Revision, upload

ROOT = Path(__file__).resolve().parents[2]
SETTINGS_PATH = "/ecdeployer/portal"
STATIC_BUCKET = "ecdeployer-static"
#: That a machine of the golden image trusts the stand-in's certificate is the local cloud's affair alone.
_TRUST = "[sh, -c, 'cat /etc/ecdeployer/neighbours.crt >> /etc/ssl/certs/ca-certificates.crt']"


def user_data(cloud: Cloud, certificate: str) -> str:
    """What the launch template's is on AWS, and the certificate."""
    told = {"region": REGION, "aws_endpoint_url": cloud.inside, "settings_parameter_path": SETTINGS_PATH}
    return (
        "#cloud-config\nwrite_files:\n"
        f"- path: /etc/ecdeployer/portal.json\n  content: '{json.dumps(told)}'\n"
        f"- path: /etc/ecdeployer/neighbours.crt\n  content: |\n{indent(certificate, '    ')}\n"
        f"runcmd:\n- {_TRUST}\n"
    )


@dataclass
class Delivery:
    """A pipeline and its machines."""

    cloud: Cloud
    folder: Path
    terminal: Terminal
    image: str = ""
    machines: list[str] = field(default_factory=list)
    number: int = 0

    def prepare(self, *, machines: int, git_hosts: Sequence[str] = ()) -> None:
        """The account's stage first, because machines are of the golden image; then each machine."""
        self.cloud.make_profile("portal")
        self.image = self._golden_image()
        self.neighbours = neighbours.launch(self.cloud, self.image, password=secrets.token_hex(16))
        self.neighbours.wait()
        self.terminal.step(f"PostgreSQL, Redis and the balancer are at {self.neighbours.address}")
        self.cloud.keep_settings(SETTINGS_PATH, self._settings(git_hosts))
        self.cloud.make_bucket(STATIC_BUCKET)
        self.deploying = CodeDeploy(
            self.cloud, self.neighbours, self.terminal.step, traffic_control=machines > 1
        )
        for _ in range(machines):
            self.add_machine()

    def add_machine(self) -> str:
        """As the Auto Scaling group would: it gets what was deployed last, and then requests."""
        data = user_data(self.cloud, self.neighbours.certificate)
        ec2_id = self.cloud.launch(self.image, user_data=data, name="portal", profile="portal")
        self.cloud.run(
            ec2_id, "cloud-init status --wait >/dev/null; grep -q region /etc/ecdeployer/portal.json"
        )
        self.neighbours.register(ec2_id)
        if not self.deploying.traffic_control:
            self.neighbours.allow(ec2_id)
        self.machines.append(ec2_id)
        self.terminal.step(f"machine {ec2_id} at {self.cloud.address(ec2_id)}")
        if self.deploying.last is not None:
            self.deploying.deploy(self.deploying.last, [ec2_id])
        return ec2_id

    def remove_machine(self, ec2_id: str) -> None:
        """It is gone already, or goes now."""
        self.machines.remove(ec2_id)
        self.neighbours.deregister(ec2_id)
        self.cloud.client("ec2").terminate_instances(InstanceIds=[ec2_id])

    def _golden_image(self) -> str:
        """By the portal's own commands, as whoever sets the account up."""
        settings = {**self._account(), "PORTAL_URL": "http://127.0.0.1", "AGENTS": "skip"}
        with portal(self.terminal, settings) as commands:
            commands.ensure_infrastructure()
            return commands.golden_image()

    def _account(self) -> dict[str, str]:
        """Where the account is, as variables."""
        return {
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "INSTANCE_AWS_ENDPOINT_URL": self.cloud.inside,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def _settings(self, git_hosts: Sequence[str]) -> dict[str, str]:
        """As aws-up writes them, and where the local cloud is."""
        near = self.neighbours
        return {
            "SECRET_KEY": secrets.token_urlsafe(60),
            "DATABASE_URL": near.database_url,
            "REDIS_URL": near.redis_url,
            "PORTAL_URL": near.url,
            "TRUSTED_PROXIES": "2",
            "STATIC_BUCKET": STATIC_BUCKET,
            "RESOURCE_PREFIX": "ecdeployer",
            "AGENTS": "skip",
            "INSTANCE_AWS_ENDPOINT_URL": self.cloud.inside,
            "METRICS_TOKEN": secrets.token_urlsafe(30),
            **({"GIT_HOSTS": ",".join(git_hosts)} if git_hosts else {}),
        }

    def build(self, repository: Path, commit: str, variables: Mapping[str, str]) -> Revision:
        """A clean checkout of the commit, through buildspec.yml, into S3; then the account gets what this
        version needs. Raises BuildError.
        """
        self.number += 1
        source = self._check_out(repository, commit)
        full = _git("-C", str(source), "rev-parse", "HEAD").strip()
        self.terminal.step(f"building {full[:12]}")
        run = Build(source=source, commit=full, number=str(self.number), variables=variables)
        bundle = run.run(self.folder / f"build-{self.number}.log")
        revision = upload(self.cloud, bundle)
        self._prepare_account(bundle)
        return revision

    def _prepare_account(self, bundle: Path) -> None:
        """The command of infrastructure/buildspec-account.yml, with the packages of this checkout."""
        command = [sys.executable, "-m", "infrastructure", "prepare", f"--region={REGION}"]
        command += ["--prefix=ecdeployer", f"--url={self.neighbours.url}", f"--static-bucket={STATIC_BUCKET}"]
        done = subprocess.run(
            command,
            cwd=bundle,
            env={**os.environ, **self._account(), "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"The account was not prepared.\n{done.stdout}")

    def _check_out(self, repository: Path, commit: str) -> Path:
        """Nothing of an earlier build stays but the installed packages."""
        source = self.folder / "source"
        if not source.exists():
            _git("clone", "--quiet", "--no-checkout", str(repository), str(source))
        _git("-C", str(source), "fetch", "--quiet", str(repository), "+refs/heads/*:refs/remotes/origin/*")
        full = _git("-C", str(repository), "rev-parse", "--verify", f"{commit}^{{commit}}").strip()
        _git("-C", str(source), "checkout", "--quiet", "--force", "--detach", full)
        _git("-C", str(source), "clean", "-ffdxq", "--exclude=.venv")
        return source

    def deploy(self, revision: Revision) -> Deployment:
        return self.deploying.deploy(revision, self.machines)

    def on_machine(self, ec2_id: str, *arguments: str) -> str:
        """What a command of the live release's manage.py says."""
        return self.cloud.run(ec2_id, shlex.join(["portal-manage", *arguments]))


def _git(*arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

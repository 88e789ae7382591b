"""The portal, delivered to machines of its own from commits that tests make, and somebody who uses it."""

import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from infrastructure.terminal import Terminal
from scripts.delivery.cloud import local_cloud
from scripts.delivery.codedeploy import BUCKET, Deployment, Revision
from scripts.delivery.portal import Delivery
from tests.lane import LANE

ROOT = Path(__file__).resolve().parents[2]
GIT = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
BRIDGE, SUBNET = f"10.222.{LANE}.1", f"10.222.{LANE}.0/24"
CLOUD_PORT, GIT_PORT = 5011 + LANE, 9461 + LANE
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "artifacts", "*.sqlite3*", "__pycache__", ".*_cache", "staticfiles"
)
_PERSON = """
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
ada, _ = User.objects.get_or_create(username="ada")
print(tokens.create(ada, name="tests", days=7)[1])
"""


@dataclass
class Portal:
    """``token`` is of a person who uses the API."""

    delivery: Delivery
    repository: Path
    token: str = ""
    revisions: dict[str, Revision] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.delivery.neighbours.url

    @property
    def address(self) -> str:
        return self.delivery.neighbours.address

    def commit(self, message: str, change: Callable[[Path], None]) -> str:
        """On top of what stands there."""
        change(self.repository)
        subprocess.run([*GIT, "-C", self.repository, "add", "--all"], check=True)
        subprocess.run([*GIT, "-C", self.repository, "commit", "--quiet", "--message", message], check=True)
        return self.head()

    def head(self) -> str:
        command = [*GIT, "-C", str(self.repository), "rev-parse", "HEAD"]
        return subprocess.check_output(command, text=True).strip()

    def revert(self, commit: str) -> None:
        """The next commit stands on this one."""
        subprocess.run([*GIT, "-C", self.repository, "reset", "--quiet", "--hard", commit], check=True)

    def build(self, commit: str, *, checks: str = "") -> Revision:
        """CodeBuild has machines of its own: it does not build while this host answers visitors."""
        revision = self.delivery.build(self.repository, commit, {"CHECKS": checks, "TESTS": ""})
        self.revisions[commit] = revision
        return revision

    def deploy(self, revision: Revision) -> Deployment:
        self.deployments.append(self.delivery.deploy(revision))
        return self.deployments[-1]

    def spoilt(self, revision: Revision) -> Revision:
        """The same files, of which one has more in it than was built."""
        s3, key = self.delivery.cloud.client("s3"), f"spoilt-{revision.key}"
        body = s3.get_object(Bucket=BUCKET, Key=revision.key)["Body"].read()
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(buffer, "w") as new:
            for member in old.infolist():
                extra = b"# more\n" if member.filename == "ecdeployer/manage.py" else b""
                new.writestr(member, old.read(member) + extra)
        s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
        return replace(revision, key=key)

    def ready(self, ec2_id: str) -> dict[str, Any]:
        """What one machine says of itself."""
        address = self.delivery.cloud.address(ec2_id)
        return dict(self._session().get(f"http://{address}/readyz", timeout=20).json())

    def commits(self) -> set[str]:
        """That answer, on all machines."""
        return {self.ready(ec2_id)["release"]["commit"] for ec2_id in self.delivery.machines}

    def wait_until_ready(self, *, seconds: float = 90) -> None:
        """All machines have all that they need again."""
        deadline = time.monotonic() + seconds
        for ec2_id in self.delivery.machines:
            while (told := self.ready(ec2_id))["state"] != "ok":
                assert time.monotonic() < deadline, told
                time.sleep(0.5)

    def sign_in(self) -> None:
        """A person with a token, made on a machine by its operator."""
        said = self.delivery.on_machine(self.delivery.machines[0], "shell", "--verbosity=0", "-c", _PERSON)
        self.token = said.strip().splitlines()[-1]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session().request(method, f"{self.url}/api/v1{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def create(self, name: str) -> str:
        """An application of the sample; its id."""
        url = f"http://{BRIDGE}:{GIT_PORT}/guestbook"
        body = {"name": name, "project_name": "guestbook", "github_url": url}
        return str(self.call("POST", "/applications", body)["id"])

    def wait_until_live(self, identity: str, *, seconds: float = 240) -> dict[str, Any]:
        """The application, when its newest deployment has ended well; a portal that is away is asked on."""
        deadline = time.monotonic() + seconds
        newest: dict[str, Any] = {}
        while newest.get("state") != "succeeded":
            assert newest.get("state") not in ("failed", "cancelled"), newest
            assert time.monotonic() < deadline, newest
            time.sleep(0.5)
            with suppress(requests.RequestException):
                [newest, *_] = self.call("GET", f"/applications/{identity}/deployments")["deployments"]
        return dict(self.call("GET", f"/applications/{identity}"))


def _copy_of_this(folder: Path) -> Path:
    """A repository of the files that stand here, as one commit: a checkout need not have a history."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)
    subprocess.run([*GIT, "init", "--quiet", folder], check=True)
    subprocess.run([*GIT, "-C", folder, "add", "--all"], check=True)
    subprocess.run([*GIT, "-C", folder, "commit", "--quiet", "--message", "The portal as it is"], check=True)
    return folder


def _publish(samples: Path, folder: Path) -> None:
    work, bare = folder / "work", folder / "git" / "guestbook"
    shutil.copytree(samples / "guestbook", work)
    subprocess.run([*GIT, "init", "--quiet", work], check=True)
    subprocess.run([*GIT, "-C", work, "add", "--all"], check=True)
    subprocess.run([*GIT, "-C", work, "commit", "--quiet", "--message", "Guestbook"], check=True)
    subprocess.run([*GIT, "clone", "--quiet", "--bare", work, bare], check=True)


@contextmanager
def _git_server(folder: Path) -> Iterator[None]:
    server = f'scripts.stack.git_server:application("{folder}")'
    command = [str(Path(sys.executable).parent / "gunicorn"), "--threads=4", "--no-control-socket"]
    process = subprocess.Popen([*command, f"--bind={BRIDGE}:{GIT_PORT}", server], cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def delivered(folder: Path, *, machines: int) -> Iterator[Portal]:
    """The first commit is live on these machines."""
    state = Path(os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud"))
    with ExitStack() as closings:
        cloud = closings.enter_context(
            local_cloud(name=f"delivery{LANE}", subnet=SUBNET, port=CLOUD_PORT, state=state)
        )
        (folder / "git").mkdir()
        _publish(ROOT / "samples", folder)
        closings.enter_context(_git_server(folder / "git"))
        delivery = Delivery(cloud, folder, Terminal())
        delivery.prepare(machines=machines, git_hosts=[f"http://{BRIDGE}:{GIT_PORT}"])
        portal = Portal(delivery, _copy_of_this(folder / "repository"))
        first = portal.deploy(portal.build(portal.head(), checks="shellcheck deploy"))
        assert not first.failed, first.reason
        portal.sign_in()
        yield portal

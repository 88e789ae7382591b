"""A site that is deployed by pushing to its repository: forge, portal and machine, all of them real."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.e2e import machine_projects as projects
from tests.integration.deployment_stack import BRIDGE, GIT_PORT, Stack, running_stack, wait_until
from tests.integration.forge import Delivery, Forge
from tests.integration.portal_client import PortalClient

#: Of a site on its machine: what outlives a release.
DATA = "/srv/ecdeployer/shared/data"


@dataclass
class Site:
    """One application of the portal's, its repository, and what its visitors see."""

    stack: Stack
    portal: PortalClient
    forge: Forge
    pk: str
    instance: str
    address: str
    files: projects.Files
    count: int = 0

    def next(self) -> projects.Files:
        """The project, with a name of its own on its page."""
        self.count += 1
        return projects.release(self.files, f"r{self.count}")

    @property
    def name(self) -> str:
        return f"r{self.count}" if self.count else "one"

    def shows(self) -> str:
        """The release that a visitor sees."""
        return str(self.ask("/visits/")["release"])

    def is_back(self) -> bool:
        """Whether visitors see the newest release, and no page of maintenance."""
        with suppress(requests.JSONDecodeError):
            return self.shows() == self.name
        return False

    def environment(self) -> dict[str, str]:
        return dict(self.ask("/environment/"))

    def ask(self, path: str) -> Any:
        """JSON of the site itself."""
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://{self.address}{path}", timeout=60).json()

    def data(self, name: str) -> str:
        """A file of the site's own, read by manage.py on its machine."""
        words = ["shell", "--verbosity=0", "-c", f"print(open('{DATA}/{name}').read(), end='')"]
        asked = self.portal.call("POST", f"/applications/{self.pk}/commands", {"words": words})

        def read() -> Any:
            return self.portal.call("GET", f"/commands/{asked['id']}")

        wait_until(lambda: read()["state"] not in ("queued", "running"), seconds=120)
        assert read()["exit_code"] == 0, read()
        return str(self.portal.call("GET", f"/commands/{asked['id']}/output")["text"])

    def processes(self, asked: str = "refresh") -> dict[str, str]:
        """The state of each, as the machine has told last when it has done what was asked."""
        address = f"/applications/{self.pk}/processes"
        self.portal.call("POST", f"{address}/{asked}")
        wait_until(lambda: not self.portal.call("GET", address)["asking"], seconds=60)
        told = self.portal.call("GET", address)
        assert told["failure"] == ""
        return {each["name"]: each["state"] for each in told["processes"]}

    def maintain(self, **wanted: Any) -> None:
        """What is left out is as if nobody had said anything; until the machine has it."""
        address = f"/applications/{self.pk}/maintenance"
        self.portal.call("PUT", address, wanted)
        wait_until(lambda: self.portal.call("GET", address)["confirmed"], seconds=60)

    def commit_next(self, message: str = "Change", *, author: str = "Ada") -> str:
        return self.forge.commit(self.next(), message, author=author)

    def delivery(self, sent: Delivery) -> dict[str, Any]:
        """The portal's own record of what the forge sent."""
        after = sent.payload["after"]
        found = [
            each
            for each in self.portal.deliveries(self.pk)
            if each["ref"] == sent.payload["ref"]
            and each["commit"] == ("" if sent.payload["deleted"] else after)
        ]
        return found[0]

    def deployed(self, commit: str) -> dict[str, Any]:
        """The end of the deployment that a commit has led to."""

        def made() -> list[dict[str, Any]]:
            return [each for each in self.portal.deployments(self.pk) if each["commit_sha"] == commit]

        wait_until(made, seconds=120)
        return self.portal.end_of(made()[0]["id"])

    def count_deployments(self) -> int:
        return len(self.portal.deployments(self.pk))

    def settle(self) -> None:
        """Until no delivery waits, and no deployment is under way."""

        def is_quiet() -> bool:
            waiting = [each for each in self.portal.deliveries(self.pk) if each["outcome"] == "waiting"]
            newest = self.portal.deployments(self.pk)[:2]
            return not waiting and all(each["state"] not in ("queued", "running") for each in newest)

        wait_until(is_quiet, seconds=600)


@contextmanager
def running_site(folder: Path, files: projects.Files) -> Iterator[Site]:
    """Its first deployment has succeeded, and pushes are told to the portal from now on."""
    with running_stack(folder) as stack, closing(PortalClient(stack)) as portal:
        forge = Forge("shop", served=folder / "git", clones=folder / "work")
        forge.commit(files, "Open the shop")
        forge.push()
        address = f"http://{BRIDGE}:{GIT_PORT}/shop"
        asked = {"name": "shop", "project_name": "mysite", "github_url": address, "branch": "main"}
        made = portal.call("POST", "/applications", asked)
        first = portal.end_of(made["deployment"]["id"])
        assert first["state"] == "succeeded", f"{first}\n{stack.logs()}"
        secret = portal.call("PUT", f"/applications/{made['id']}/webhook/secret")["secret"]

        def webhook() -> Any:
            return portal.call("GET", f"/applications/{made['id']}/webhook")

        # Live, its repository is asked for the head at once, which would find the first push by itself.
        wait_until(lambda: webhook()["asked_at"], seconds=120)
        forge.tell(webhook()["url"], secret)
        instance = first["instance"]
        yield Site(stack, portal, forge, made["id"], instance["ec2_id"], instance["public_ip"], files)

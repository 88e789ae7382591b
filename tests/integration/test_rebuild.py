"""A rebuild: another machine takes the place of the one that serves, with all that the site keeps."""

import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.integration.deployment_stack import Stack, running_stack, wait_until
from tests.integration.guestbook import GUESTBOOK, sign
from tests.integration.test_machine_changes import Site, ec2

#: See tests/conftest.py.
IN_ORDER = True

CODE = (
    "from ecdeployer.applications.models import Application; from ecdeployer.machines import actions; "
    "from ecdeployer.commands import actions as commands; a = Application.objects.get(name={name!r}); "
)
REBUILD = "actions.rebuild(a, by=a.owner, trigger='page')"
#: A file that the site's own user cannot read.
SHUT = (
    "open('/srv/ecdeployer/shared/media/shut', 'w').close(); os.chmod('/srv/ecdeployer/shared/media/shut', 0)"
)
SPOIL = f"commands.manage(a, ['shell', '-c', \"import os; {SHUT}\"], by=a.owner)"


class Visitor(threading.Thread):
    """Asks for the page five times a second; what was answered, and when."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.url = f"http://{address}/"
        self.seen: list[tuple[float, int]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            try:
                status = requests.get(self.url, timeout=3).status_code
            except requests.RequestException:
                status = 0
            self.seen.append((time.monotonic(), status))

    def away(self) -> float:
        """Seconds from the first answer that is not the site's to the last."""
        times = [at for at, status in self.seen if status != 200]
        return max(times) - min(times) if times else 0.0


def machines() -> list[str]:
    filters = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    found = ec2().describe_instances(Filters=filters)["Reservations"]
    return [each["InstanceId"] for reservation in found for each in reservation["Instances"]]


def newest(site: Site) -> tuple[str, str]:
    """State and reason of the newest deployment."""
    rows = site.rows(
        "(SELECT d.state || '|' || d.reason FROM deployments_deployment d WHERE d.application_id = a.id "
        "ORDER BY d.number DESC LIMIT 1)"
    )
    state, _, reason = str(rows[0][0]).partition("|")
    return state, reason


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("rebuild")) as running:
        running.publish("guestbook", GUESTBOOK)
        yield running


@pytest.fixture(scope="module")
def site(stack: Stack) -> Site:
    return Site(stack, "rebuilt")


def ask(site: Site, code: str) -> None:
    site.stack.manage("shell", "--verbosity=0", "-c", CODE.format(name=site.name) + code)


def rebuild(site: Site) -> tuple[str, str]:
    ask(site, REBUILD)
    wait_until(lambda: newest(site)[0] in ("succeeded", "failed"), seconds=300)
    return newest(site)


def test_what_visitors_wrote_is_on_the_new_machine_behind_the_same_address(site: Site) -> None:
    address, [old] = site.address, machines()
    sign(address, "Ada")
    visitor = Visitor(address)
    visitor.start()
    assert rebuild(site) == ("succeeded", ""), site.stack.logs()
    wait_until(lambda: old not in machines(), seconds=60)
    visitor.ended.set()
    visitor.join()
    print(f"away for {visitor.away():.1f} s")
    [new] = machines()
    assert new != old
    assert "Ada" in requests.get(f"http://{address}/", timeout=10).text
    sign(address, "Grace")
    assert {status for _, status in visitor.seen} <= {200, 503, 0}
    assert 503 in {status for _, status in visitor.seen}
    assert visitor.seen[-1][1] == 200


def test_what_cannot_be_moved_leaves_the_old_machine_serving(site: Site) -> None:
    address, [old] = site.address, machines()
    ask(site, SPOIL)
    command = (
        "(SELECT c.state FROM commands_command c WHERE c.action = 'manage' ORDER BY created_at DESC LIMIT 1)"
    )
    wait_until(lambda: site.rows(command)[0][0] == "succeeded", seconds=60)
    state, reason = rebuild(site)
    assert state == "failed"
    assert "media/shut: Cannot open: Permission denied" in reason
    wait_until(lambda: machines() == [old], seconds=60)
    visitor = Visitor(address)
    visitor.start()
    wait_until(lambda: visitor.seen and visitor.seen[-1][1] == 200, seconds=60)
    visitor.ended.set()
    text = requests.get(f"http://{address}/", timeout=10).text
    assert "Ada" in text
    assert "Grace" in text

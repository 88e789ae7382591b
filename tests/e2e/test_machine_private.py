"""A private repository on a booted machine: fetched with its deploy key, of which nothing stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.git import keys

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import Bench, Report
from tests.ssh_server import Server, running_server

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

KEY = "/ecdeployer/private/deploy-key"
PAIR = keys.make_pair(comment="private@portal.example.com")
#: What an older release could do while the next one is fetched: it runs as the user "site".
THIEF = """
cat >/tmp/thief <<'END'
while sleep 0.01; do
    if [ -d /run/ecdeployer-fetch ]; then touch /tmp/seen; fi
    if cat /run/ecdeployer-fetch/key >>/tmp/stolen 2>/dev/null; then touch /tmp/succeeded; fi
done
END
systemd-run --quiet --unit=thief --uid=site /bin/sh /tmp/thief
"""
TRACES = (
    "grep -rlE 'PRIVATE KEY' /run /tmp /etc/ecdeployer /srv /var/lib/ecdeployer /var/log 2>/dev/null || true"
)


@pytest.fixture
def server(bench: Bench, tmp_path: Path) -> Iterator[Server]:
    address = bench.listener.server_address[0]
    with running_server(tmp_path / "ssh", bench.repositories, address=str(address)) as running:
        running.admit(PAIR.public)
        yield running


def test_a_private_repository_is_fetched_with_its_key_alone(
    bench: Bench, machines: Machines, server: Server
) -> None:
    files = projects.plain()
    access: dict[str, Any] = {
        "repository": f"ssh://git@{server.address}:{server.port}/private",
        "deploy_key": KEY,
        "known_hosts": server.known_hosts,
    }
    bench.ssm.put_parameter(Name=KEY, Value=PAIR.private, Type="SecureString", Overwrite=True)
    instance, report = machines.first("private", files, **access)
    assert_state(report, "succeeded", "", "health")
    assert bench.get(instance)[0] == 200
    assert bench.shell(instance, TRACES).strip() == ""

    bench.shell(instance, THIEF)
    report = machines.again("private", projects.release(files, "two"), instance, number=2, **access)
    assert_state(report, "succeeded", "", "health")
    assert bench.shell(
        instance, "systemctl stop thief; ls /tmp/seen /tmp/succeeded 2>/dev/null || true"
    ).split() == ["/tmp/seen"]
    assert bench.shell(instance, TRACES).strip() == ""

    other = keys.public_half(keys.make_pair(comment="x").private)
    changed = {**access, "known_hosts": f"[{server.address}]:{server.port} {other}\n"}
    report = machines.again("private", files, instance, number=3, **changed)
    assert_state(report, "failed", "host-key-changed", "clone")

    server.admit(other)
    report = machines.again("private", files, instance, number=4, **access)
    assert_state(report, "failed", "deploy-key-refused", "clone")
    assert "PRIVATE KEY" not in str(report.texts)
    assert bench.shell(instance, TRACES).strip() == ""
    assert bench.get(instance)[0] == 200


def assert_state(report: Report, state: str, code: str, step: str) -> None:
    assert report.result
    found = (report.result["state"], report.result["code"], report.result["step"])
    assert found == (state, code, step), (report.result, report.texts)

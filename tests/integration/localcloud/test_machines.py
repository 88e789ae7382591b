"""Instances are machines: they boot, run their user data, answer, stop, start, reboot and go."""

import gzip
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import TYPE_CHECKING

import pytest

from tests.integration.localcloud.conftest import until

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SERVE = """\
#!/bin/bash
mkdir -p /srv/site
echo "page of $(hostname)" > /srv/site/index.html
systemd-run --working-directory=/srv/site python3 -m http.server 80
echo "count" >> /root/boots
"""
CONFIG = "#cloud-config\nwrite_files:\n- {path: /root/written, content: by cloud-config}\n"


def multipart(*parts: tuple[str, str]) -> bytes:
    message = MIMEMultipart()
    for kind, text in parts:
        message.attach(MIMEText(text, kind))
    return gzip.compress(message.as_bytes())


def page(address: str) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=1) as answer:
            return str(answer.read().decode()).strip()
    except OSError:
        return None


def test_a_launch_runs_its_user_data_and_answers_on_both_addresses(cloud: "RunningCloud") -> None:
    user_data = multipart(("cloud-config", CONFIG), ("x-shellscript", SERVE))
    instance_id = cloud.launch(UserData=user_data)
    found = cloud.reach(instance_id, "running")
    private, public = found["PrivateIpAddress"], found["PublicIpAddress"]
    expected = f"page of ip-{private.replace('.', '-')}"
    assert until(lambda: page(public)) == expected
    assert page(private) == expected
    assert private != public
    assert cloud.run(instance_id, "cat /root/written") == "by cloud-config"

    [status] = cloud.client("ec2").describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == status["SystemStatus"]["Status"] == "ok"

    cloud.client("ec2").terminate_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) in ("shutting-down", "terminated")
    gone = cloud.reach(instance_id, "terminated")
    assert gone["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "PublicIpAddress" not in gone
    assert page(public) is None
    assert not (cloud.names.instance(instance_id) / "upper").exists()
    assert cloud.client("ec2").get_console_output(InstanceId=instance_id)["Output"]


def test_a_stop_keeps_the_disk_and_a_start_brings_a_new_public_address(cloud: "RunningCloud") -> None:
    ec2 = cloud.client("ec2")
    instance_id = cloud.launch(UserData=SERVE)
    cloud.initialized(instance_id)
    before = cloud.describe(instance_id)

    [change] = ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    stopped = cloud.reach(instance_id, "stopped")
    assert "PublicIpAddress" not in stopped
    assert page(before["PrivateIpAddress"]) is None

    ec2.start_instances(InstanceIds=[instance_id])
    after = cloud.reach(instance_id, "running")
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    cloud.initialized(instance_id)
    assert cloud.run(instance_id, "wc -l < /root/boots") == "1"
    cloud.terminate(instance_id)


@pytest.mark.parametrize("way", ["api", "inside"])
def test_a_reboot_is_a_new_boot_of_the_same_disk(cloud: "RunningCloud", way: str) -> None:
    instance_id = cloud.launch()
    cloud.online(instance_id)
    boot = cloud.run(instance_id, "touch /root/kept; cut -d' ' -f22 /proc/1/stat")

    if way == "api":
        cloud.client("ec2").reboot_instances(InstanceIds=[instance_id])
    else:
        # A timer is due within a minute of its time unless it says otherwise.
        timer = "systemd-run --on-active=0.2 --timer-property=AccuracySec=10ms"
        cloud.run(instance_id, f"{timer} systemctl reboot 2>/dev/null")
    supervisor_saw = until(lambda: _boot(cloud, instance_id, boot))

    assert supervisor_saw != boot
    assert cloud.run(instance_id, "ls /root/kept") == "/root/kept"
    assert cloud.state(instance_id) == "running"
    cloud.terminate(instance_id)


def _boot(cloud: "RunningCloud", instance_id: str, before: str) -> str | None:
    cloud.online(instance_id)
    try:
        now = cloud.run(instance_id, "cut -d' ' -f22 /proc/1/stat")
    except AssertionError:
        return None
    return now if now != before else None


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_machine_that_shuts_itself_down(cloud: "RunningCloud", behaviour: str, state: str) -> None:
    instance_id = cloud.launch(
        InstanceInitiatedShutdownBehavior=behaviour, UserData="#!/bin/sh\nsystemctl poweroff\n"
    )
    found = cloud.reach(instance_id, state)
    assert found["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    if state != "terminated":
        cloud.terminate(instance_id)


def test_a_launch_ended_at_once_leaves_nothing(cloud: "RunningCloud") -> None:
    instance_id = cloud.launch()
    cloud.terminate(instance_id)
    assert not (cloud.names.run / "namespaces" / instance_id).exists()


def test_the_console_tells_of_the_boot_and_the_user_data(cloud: "RunningCloud", machine: str) -> None:
    output = cloud.client("ec2").get_console_output(InstanceId=machine)["Output"]
    assert "user-data-ran" in output
    assert "Multi-User System" in output


def test_one_token_is_one_machine_however_often_it_is_asked_for(cloud: "RunningCloud") -> None:
    token = f"token-{time.monotonic_ns()}"
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: cloud.launch(ClientToken=token), range(6)))
    assert len(found) == 1

    other = cloud.launch(ClientToken=token, Placement={"AvailabilityZone": "eu-west-1b"})
    assert other not in found
    cloud.terminate(other, *found)


def test_four_machines_at_once_each_within_its_limits(cloud: "RunningCloud") -> None:
    answer = cloud.client("ec2").run_instances(
        ImageId=cloud.image, InstanceType="t3.nano", MinCount=4, MaxCount=4
    )
    found = [instance["InstanceId"] for instance in answer["Instances"]]
    for instance_id in found:
        cloud.online(instance_id)
    first, *others = found

    greedy = "timeout 20 python3 -c 'x = bytearray(700_000_000)' || echo killed"
    assert cloud.run(first, greedy) == "killed"
    many = "import os,time\nfor _ in range(500): os.fork() or (time.sleep(2), os._exit(0))"
    assert "temporarily unavailable" in cloud.run(first, f"python3 -c '{many}' 2>&1 || true")
    for instance_id in others:
        assert cloud.run(instance_id, "echo alive") == "alive"
    cloud.terminate(*found)

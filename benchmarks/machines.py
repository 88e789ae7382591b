"""Machines of the local cloud, beside the portal: to see a site from outside, and to do its work by hand."""

import itertools
import re
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, TypedDict

import boto3

from scripts.stack.running import ENDPOINT

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef
    from mypy_boto3_ssm import SSMClient


class _Account(TypedDict):
    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str


_ACCOUNT: _Account = {
    "endpoint_url": ENDPOINT,
    "region_name": "eu-west-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
_PREFIX = "ecdeployer"
_BOOTED = "#!/bin/sh\ndate +%s.%N >/run/booted\n"
#: The bare sequence, as somebody would type it, with the tools and the warm cache of the golden image.
_BY_HAND = r"""
set -e
export HOME=/var/tmp UV_CACHE_DIR=/var/cache/ecdeployer/uv UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1
if [ "$(stat -f -c %T /var/cache)" = overlayfs ]; then export UV_LINK_MODE=symlink; fi
PATH=$PATH:/opt/ecdeployer/venv/bin
mkdir /var/tmp/hand
cd /var/tmp/hand
now() { echo "$1 $(date +%s.%N)"; }
now begin
git clone -q --depth 1 REPOSITORY source; now clone
uv venv -q --python /usr/bin/python3 venv; now venv
uv pip install -q --python venv/bin/python -r source/requirements.txt; now install
cd source/guestbook
echo 'STATIC_ROOT = "/var/tmp/hand/static"' >>guestbook/settings.py
python=../../venv/bin/python
$python manage.py migrate --noinput >/dev/null; now migrate
$python manage.py collectstatic --noinput >/dev/null; now collectstatic
../../venv/bin/gunicorn -b 127.0.0.1:9999 guestbook.wsgi >/dev/null 2>&1 &
until curl -sf -o /dev/null http://127.0.0.1:9999/; do sleep 0.02; done; now start
kill $!
"""


def _ec2() -> "EC2Client":
    return boto3.client("ec2", **_ACCOUNT)


def _ssm() -> "SSMClient":
    return boto3.client("ssm", **_ACCOUNT)


def address_of(application: str, *, seconds: float = 120) -> str:
    """The public address of an application's machine, as soon as there is one."""
    wanted: FilterTypeDef = {"Name": "tag:ecdeployer:application", "Values": [application]}
    ec2, deadline = _ec2(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        for group in ec2.describe_instances(Filters=[wanted])["Reservations"]:
            for instance in group["Instances"]:
                if "PublicIpAddress" in instance:
                    return str(instance["PublicIpAddress"])
        time.sleep(0.05)
    raise TimeoutError(f"{application} got no machine within {seconds} s")


def wait_for_page(address: str, *, seconds: float = 180) -> float:
    """The moment of the first 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=1):
                return time.time()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError(f"{address} answers no page within {seconds} s")


def by_hand(repository: str) -> dict[str, float]:
    """Seconds by step on a machine of its own; ``boot`` is from RunInstances to its first command."""
    ec2, ssm = _ec2(), _ssm()
    asked = time.time()
    answer = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        ImageId=_newest_image(ec2),
        InstanceType="t3.micro",
        LaunchTemplate={"LaunchTemplateName": f"{_PREFIX}-instances"},
        UserData=_BOOTED,
    )
    machine = answer["Instances"][0]["InstanceId"]
    try:
        booted = float(shell(ssm, machine, "until [ -s /run/booted ]; do sleep 0.05; done; cat /run/booted"))
        said = shell(ssm, machine, _BY_HAND.replace("REPOSITORY", repository))
    finally:
        ec2.terminate_instances(InstanceIds=[machine])
    moments = [(name, float(moment)) for name, moment in re.findall(r"^(\w+) ([\d.]+)$", said, re.MULTILINE)]
    steps = {name: at - before for (_, before), (name, at) in itertools.pairwise(moments)}
    return {"boot": booted - asked, **steps}


def _newest_image(ec2: "EC2Client") -> str:
    found = ec2.describe_images(Filters=[{"Name": "tag:ecdeployer:prefix", "Values": [_PREFIX]}])["Images"]
    return str(max(found, key=lambda image: image["CreationDate"])["ImageId"])


def shell(ssm: "SSMClient", machine: str, script: str, *, seconds: float = 180) -> str:
    """What a script printed on a machine. Raises RuntimeError with its last words when it failed."""
    deadline = time.monotonic() + seconds
    command = ""
    while time.monotonic() < deadline:
        try:
            if not command:
                sent = ssm.send_command(
                    InstanceIds=[machine],
                    DocumentName="AWS-RunShellScript",
                    Parameters={"commands": script.splitlines()},
                )
                command = sent["Command"]["CommandId"]
            found = ssm.get_command_invocation(CommandId=command, InstanceId=machine)
            if found["Status"] == "Success":
                return found["StandardOutputContent"]
            if found["Status"] not in {"Pending", "InProgress", "Delayed"}:
                raise RuntimeError(f"{found['Status']}: {found['StandardErrorContent'][-2000:]}")
        except (ssm.exceptions.InvalidInstanceId, ssm.exceptions.InvocationDoesNotExist):
            pass
        time.sleep(0.1)
    raise TimeoutError(f"a command did not end within {seconds} s")

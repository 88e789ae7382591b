import email
import gzip
import ipaddress
import json
import secrets
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest
import yaml
from ecdeployer.cloud_init import scripts, user_data
from ecdeployer.cloud_init.parameters import ImageParameters

from .conftest import Make


def parts(packed: bytes) -> tuple[dict[str, Any], str]:
    """The cloud-config as cloud-init reads it, and the script."""
    message = email.message_from_bytes(gzip.decompress(packed))
    found: dict[str, str] = {}
    for part in message.get_payload():
        assert isinstance(part, Message)
        found[part.get_content_type()] = part.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert set(found) == {"text/cloud-config", "text/x-shellscript"}
    return yaml.safe_load(found["text/cloud-config"]), found["text/x-shellscript"]


def test_a_machine_gets_its_deployment_as_data_and_a_constant_script(make: Make) -> None:
    hostile = "x\n    - path: /etc/cron.d/x\n--=====ecdeployer=====--\n$(id) {{ v1.instance_id }} é"
    parameters = make(placeholders=[("A", hostile)])
    config, script = parts(user_data.render(parameters))
    files = {file["path"]: file for file in config["write_files"]}
    assert set(files) == {"/opt/ecdeployer/fetch_scripts.py", "/etc/ecdeployer/deployment.json"}
    assert files["/etc/ecdeployer/deployment.json"]["permissions"] == "0600"
    told = json.loads(files["/etc/ecdeployer/deployment.json"]["content"])
    assert told == json.loads(parameters.to_json())
    assert told["placeholders"] == [["A", hostile]]
    assert script == scripts.read("userdata_provision.sh")
    assert files["/opt/ecdeployer/fetch_scripts.py"]["content"] == scripts.read("fetch_scripts.py")


def test_it_is_the_same_bytes_each_time_and_far_from_the_limit(make: Make) -> None:
    assert user_data.render(make()) == user_data.render(make())
    assert len(user_data.render(make())) < user_data.LIMIT / 2


def test_too_much_is_refused_and_just_enough_is_not(make: Make) -> None:
    with pytest.raises(user_data.UserDataTooLargeError, match="16,384"):
        user_data.render(make(placeholders=[("A", secrets.token_hex(20_000))]))
    packed = user_data.render(make(placeholders=[("A", secrets.token_hex(8_000))]))
    assert len(packed) <= user_data.LIMIT


def test_the_longest_maintenance_fits(make: Make) -> None:
    wanted: dict[str, Any] = {"revision": 1, "on": True, "around": True, "retry_after": 1}
    wanted["message"] = "".join(chr(0x1F300 + secrets.randbelow(700)) for _ in range(500))
    wanted["addresses"] = [f"{ipaddress.IPv6Address(secrets.randbits(128))}/128" for _ in range(50)]
    assert len(user_data.render(make(maintenance=wanted))) < user_data.LIMIT * 0.75


def test_an_image_gets_its_script_and_the_packages_to_warm() -> None:
    config, script = parts(user_data.render_image(ImageParameters(agents="required", region="eu-west-1")))
    files = {file["path"]: file["content"] for file in config["write_files"]}
    assert json.loads(files["/etc/ecdeployer/image.json"])["agents"] == "required"
    assert "celery" in files["/etc/ecdeployer/warm_packages.txt"].split()
    assert script == scripts.read("userdata_image.sh")


def test_an_image_with_the_cloudwatch_agent_gets_its_configuration() -> None:
    plain = ImageParameters(agents="required", region="eu-west-1")
    config, _ = parts(user_data.render_image(replace(plain, cloudwatch_namespace="sites/machines")))
    files = {file["path"]: file["content"] for file in config["write_files"]}
    path = "/etc/ecdeployer/cloudwatch_agent.json"
    metrics = json.loads(files[path])["metrics"]
    assert metrics["namespace"] == "sites/machines"
    assert metrics["append_dimensions"] == {"InstanceId": "${aws:InstanceId}"}
    assert path in scripts.read("userdata_image.sh")
    without, _ = parts(user_data.render_image(plain))
    assert path not in {file["path"] for file in without["write_files"]}


def test_every_script_is_ascii_and_sent() -> None:
    sent = {
        # With the portal's own bundle, and to its machines alone.
        "bundle.sh",
        *scripts.DEPLOYING,
        *scripts.ASKED,
        "fetch_scripts.py",
        "figures.py",
        "userdata_provision.sh",
        "userdata_image.sh",
        "warm_packages.txt",
    }
    there = {path.name for path in scripts.SOURCE.iterdir() if path.is_file()}
    assert there == sent
    assert all(scripts.read(name).isascii() for name in there)

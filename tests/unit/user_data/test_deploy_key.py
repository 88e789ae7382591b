"""The deploy key on the machine: read for git alone, and with the very options of the portal's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ecdeployer.git import ssh

from user_data import deploy_key, environment

ROOT = Path(__file__).parents[3]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "connect", lambda _: None)
    (tmp_path / "deployment.json").write_text(json.dumps({"deploy_key": "/p/deploy-key"}))
    return tmp_path


def run(deployment: Path) -> None:
    deploy_key.main(str(deployment / "deployment.json"), str(deployment / "reason.json"))


def test_it_is_printed_as_it_is(
    deployment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "read", lambda _, name: f"key of {name}\n")
    run(deployment)
    assert capsys.readouterr().out == "key of /p/deploy-key\n"


def test_one_that_may_not_be_read_is_told(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any, name: str) -> str:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": name}}, "GetParameter")

    monkeypatch.setattr(environment, "read", refuse)
    monkeypatch.setattr(environment, "PATIENCE", 0)
    with pytest.raises(SystemExit):
        run(deployment)
    reason = json.loads((deployment / "reason.json").read_text())
    assert reason["code"] == "deploy-key-unreadable"
    assert "AccessDenied" in reason["reason"]


def test_ssh_is_told_there_what_it_is_told_here() -> None:
    script = (ROOT / "user_data/deploy.sh").read_text()
    [options] = re.findall(r"for option in (.*?); do\n    ssh_command", script, re.DOTALL)
    assert tuple(options.replace("\\\n", " ").split()) == ssh.OPTIONS


def test_machine_and_portal_have_ssh() -> None:
    for name in ("user_data/userdata_image.sh", "Dockerfile", "scripts/environment.sh"):
        assert "openssh-client" in (ROOT / name).read_text()

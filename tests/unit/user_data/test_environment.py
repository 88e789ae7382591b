import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from user_data import environment

DEPLOYMENT = {"region": "eu-west-1", "aws_endpoint_url": None, "parameter_path": "/p"}


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    shared = dict.fromkeys(environment.SHARED, "")
    (tmp_path / "deployment.json").write_text(json.dumps(DEPLOYMENT | shared))
    return tmp_path


def test_an_environment_that_never_comes_is_told(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_: Any, name: str) -> str:
        asked.append(name)
        raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": name}}, "GetParameter")

    monkeypatch.setattr(environment, "read", refuse)
    monkeypatch.setattr(environment, "PATIENCE", 0.5)
    paths = [str(deployment / name) for name in ("deployment.json", "environment.json", "reason.json")]
    with pytest.raises(SystemExit):
        environment.main(*paths)
    reason = json.loads(Path(paths[2]).read_text())
    assert reason["code"] == "environment-unreadable"
    assert "ParameterNotFound" in reason["reason"]
    assert len(asked) > 1
    assert set(asked) == {"/p/0"}


def test_the_portal_is_told_where_its_settings_are_and_nothing_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "connect", lambda _: pytest.fail("Parameter Store was asked"))
    told = {"SETTINGS_PARAMETER_PATH": "/ecdeployer/portal"}
    assert environment.fetch({**DEPLOYMENT, "parameter_path": "", "environment": told}) == told

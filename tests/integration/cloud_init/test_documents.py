"""The scripts of the Run Command documents, as the agent runs them: what they are given stays text."""

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from ecdeployer.cloud_init import documents, parameters
from ecdeployer.cloud_init.parameters import DeploymentParameters

from tests.unit.hostile.corpus import CORPUS, is_unicode

HOSTILE = [text for text in CORPUS["everywhere"] if is_unicode(text) and len(text) < 1000]
#: The last line hands the file to deploy.sh; here it is read instead.
DEPLOY = 'bash /opt/ecdeployer/user_data/deploy.sh "$incoming"'


def run(script: str, directory: Path, *, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """By ``sh``, with its directories below this one, and a place for whatever a text may start."""
    script = script.replace("/opt/ecdeployer", f"{directory}/opt").replace("/run/", f"{directory}/")
    (directory / "script").write_text(script)
    return subprocess.run(
        ["/bin/sh", "script"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


def pushed(monkeypatch: pytest.MonkeyPatch, text: str) -> DeploymentParameters:
    """A deployment whose every text is this one: the checks are away."""
    monkeypatch.setattr(parameters, "_CHECKS", {})
    fields = dict.fromkeys(
        ["report_url", "report_token", "parameter_path", "repository", "branch", "project_name", "commit",
         "project_directory", "settings_module", "wsgi_module", "asgi_module", "health_path", "database",
         "python", "document_version"],
        text,
    )  # fmt: skip
    return DeploymentParameters(
        deployment=str(uuid.UUID(int=1)), application=str(uuid.UUID(int=2)), release="000001",
        region="eu-west-1", aws_endpoint_url=text, requirement_sources=[(text, text)], services=[text],
        placeholders=[(text, text)], **fields,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "machine"
    made.mkdir()
    return made


def canaries(directory: Path) -> list[Path]:
    return [each for each in directory.rglob("*") if "canary" in each.name]


@pytest.mark.parametrize("agent", ["new", "old"])
def test_a_deployment_arrives_byte_for_byte_whatever_it_holds(
    directory: Path, monkeypatch: pytest.MonkeyPatch, agent: str
) -> None:
    lines = documents.deploy_document()["mainSteps"][0]["inputs"]["runCommand"]
    script = "\n".join(lines)
    assert script.count(DEPLOY) == 1
    script = script.replace(DEPLOY, 'cat "$incoming"')
    for text in HOSTILE:
        given = pushed(monkeypatch, text)
        (packed,) = documents.deploy_arguments(given)["Deployment"]
        if agent == "new":
            done = run(script, directory, environment={"SSM_Deployment": packed})
        else:
            done = run(script.replace("{{ Deployment }}", packed), directory, environment={})
        assert done.returncode == 0, (ascii(text), done.stderr)
        assert done.stdout.decode() == given.to_json(), ascii(text)
        told = json.loads(done.stdout)
        assert (told["repository"], told["branch"], told["placeholders"]) == (text, text, [[text, text]])
        assert canaries(directory) == [], ascii(text)


def test_a_text_that_is_no_deployment_ends_the_script_and_starts_nothing(directory: Path) -> None:
    script = "\n".join(documents.deploy_document()["mainSteps"][0]["inputs"]["runCommand"])
    for text in HOSTILE:
        if "\0" in text:
            continue
        done = run(script, directory, environment={"SSM_Deployment": text})
        assert done.returncode != 0, ascii(text)
        assert canaries(directory) == [], ascii(text)


def test_a_question_about_no_deployment_is_answered_with_nothing(directory: Path) -> None:
    script = "\n".join(documents.status_document()["mainSteps"][0]["inputs"]["runCommand"])
    for text in [*HOSTILE, "../../../../etc", "/etc/passwd"]:
        if "\0" in text:
            continue
        done = run(script, directory, environment={"SSM_Deployment": text})
        assert b"root:" not in done.stdout + done.stderr, ascii(text)
        assert canaries(directory) == [], ascii(text)


def test_the_canary_can_appear(directory: Path) -> None:
    """Were a text put into the script, the others would find it."""
    script = "\n".join(documents.deploy_document()["mainSteps"][0]["inputs"]["runCommand"])
    run(script.replace("{{ Deployment }}", "$(touch canary)"), directory, environment={})
    assert [each.name for each in canaries(directory)] == ["canary"]

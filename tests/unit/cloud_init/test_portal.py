"""The portal's own deployment document, as a machine's Python makes it from a bundle."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.cloud_init import nginx, portal
from ecdeployer.cloud_init.parameters import DeploymentParameters

ROOT = Path(__file__).parents[3]
MACHINE = {
    "region": "eu-west-1", "aws_endpoint_url": None, "settings_parameter_path": "/ecdeployer/portal"
}  # fmt: skip
DEPLOYMENT = "00000000-0000-0000-0000-000000000001"
COMMIT = "c" * 40
#: The scripts come with the bundle, and the portal is no application of its own.
FROM_ELSEWHERE = {"application", "document", "document_version"}


def made(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "bundle": "/srv/bundle",
        "commit": COMMIT,
        "procfile": (ROOT / "Procfile").read_text(),
        "machine": MACHINE,
        "deployment": DEPLOYMENT,
        "release": "000003",
    }
    return portal.document(**{**given, **changes})


def test_it_has_all_that_a_sites_document_has() -> None:
    """deploy.sh and the programs beside it read these."""
    assert set(DeploymentParameters.__dataclass_fields__) - made().keys() == FROM_ELSEWHERE


def test_the_portal_is_told_where_its_settings_are_and_no_secret() -> None:
    assert made()["environment"] == {
        "SETTINGS_PARAMETER_PATH": "/ecdeployer/portal",
        "AWS_REGION": "eu-west-1",
    }
    local = made(machine={**MACHINE, "aws_endpoint_url": "http://10.0.0.1:4566"})
    assert local["environment"]["AWS_ENDPOINT_URL"] == "http://10.0.0.1:4566"
    assert (made()["report_url"], made()["report_token"], made()["parameter_path"]) == ("", "", "")


def test_worker_and_beat_run_beside_it() -> None:
    assert [name for name, _ in made()["processes"]] == ["worker", "beat"]
    assert "[program:process-worker]" in made()["programs"]


def test_the_balancers_word_is_taken_behind_a_balancer_alone() -> None:
    assert "X-Forwarded-Proto $http_x_forwarded_proto;" in made()["nginx"]
    assert "X-Forwarded-For $proxy_add_x_forwarded_for;" in made()["nginx"]
    site = nginx.render("000003", check="t" * 32)
    assert "X-Forwarded-Proto $scheme;" in site
    assert "X-Forwarded-For $remote_addr;" in site


def test_what_a_machine_has_not_is_asked_of_the_portal_alone() -> None:
    """nginx answers for a site's missing file itself."""
    assert "error_page 404" in made()["nginx"]
    assert "error_page 404" not in nginx.render("000003", check="t" * 32)


@pytest.mark.parametrize(("back", "rolled"), [(False, ""), (True, "000003")])
def test_going_back_is_a_rollback(back: bool, rolled: str) -> None:
    assert made(back=back)["rollback_to"] == rolled


def test_a_machine_makes_it_without_any_package_of_ours(tmp_path: Path) -> None:
    bundle, machine = tmp_path / "bundle", tmp_path / "portal.json"
    (bundle / "ecdeployer").mkdir(parents=True)
    (bundle / "ecdeployer" / "release.json").write_text(json.dumps({"commit": COMMIT}))
    (bundle / "Procfile").write_text((ROOT / "Procfile").read_text())
    machine.write_text(json.dumps(MACHINE))
    command = ["/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable]
    command += ["-sPBm", "cloud_init.portal", str(bundle), str(machine), DEPLOYMENT, "000003"]
    said = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT / "ecdeployer" / "ecdeployer")}, capture_output=True, check=True
    ).stdout
    assert json.loads(said) == json.loads(json.dumps(made(bundle=str(bundle))))

"""Two versions of the portal beside each other, and a machine that hears of both."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ecdeployer.cloud_init import documents, scripts

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]
NAME, MARK = "ecdeployer-deploy", "# of another version"


@contextmanager
def another_version() -> Iterator[dict[str, Any]]:
    """Within it scripts have one line more; the deploy document that carries them."""
    read = scripts.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            scripts, "read", lambda name: read(name) + (f"{MARK}\n" if name in scripts.DEPLOYING else "")
        )
        scripts.archive.cache_clear()
        yield documents.deploy_document()
    scripts.archive.cache_clear()


@pytest.fixture
def number(bench: Bench) -> Iterator[str]:
    """Of the other portal's version, the last that was set up."""
    with another_version() as content:
        made = bench.ssm.update_document(
            Name=NAME,
            Content=json.dumps(content),
            VersionName=documents.version_name(content),
            DocumentVersion="$LATEST",
        )["DocumentDescription"]["DocumentVersion"]
    bench.ssm.update_document_default_version(Name=NAME, DocumentVersion=made)
    yield made
    bench.ssm.update_document_default_version(Name=NAME, DocumentVersion="1")


def test_each_portal_launches_and_deploys_by_its_own_scripts(
    machines: Machines, live: LiveSite, number: str
) -> None:
    bench, files = machines.bench, projects.plain()

    def marked(instance: str) -> bool:
        """Whether the scripts that the machine ran last are the other portal's."""
        path = f"{scripts.DEPLOYING_DIRECTORY}/user_data"
        found = bench.shell(instance, f"grep -hc '{MARK}' {path}/deploy.sh {path}/report.py; true").split()
        assert found in (["0", "0"], ["1", "1"])
        return found == ["1", "1"]

    def again(instance: str, release: int, version: str) -> bool:
        parameters = bench.parameters("versions", bench.publish("versions", files), release)
        command = bench.again(parameters, instance, version=version)
        result = bench.report(parameters).result
        assert result is not None
        assert result["state"] == "succeeded", result
        bench.outcome(command, instance)
        return marked(instance)

    mine = live("versions", files)
    assert not marked(mine)
    with another_version():
        assert again(mine, 2, number)
        theirs = live("others", files)
        assert marked(theirs)
    assert not again(mine, 3, "1")

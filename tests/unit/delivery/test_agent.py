"""The agent's stand-in, on a folder in place of a machine's."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts.delivery import agent

HOOK = """\
#!/bin/sh
echo "$LIFECYCLE_EVENT $APPLICATION_NAME $DEPLOYMENT_GROUP_NAME $DEPLOYMENT_ID $(pwd) {name}" >>{log}
"""


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agent").mkdir()
    monkeypatch.setattr(agent, "AGENT", tmp_path / "agent")
    monkeypatch.setattr(agent, "ROOT", tmp_path / "agent" / "root")
    monkeypatch.setattr(agent, "INSTRUCTIONS", tmp_path / "agent" / "root" / "instructions")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def deploy(folder: Path, identity: str, files: dict[str, str], *, commands: tuple[str, ...] = ()) -> None:
    """What the host sends for a revision of these files and one hook for each event."""
    buffer, log = io.BytesIO(), folder / "log"
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {**files, "hook": HOOK.format(name=identity, log=log)}.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o755 if name == "hook" else 0o640) << 16
            archive.writestr(member, text)
    hook = [{"location": "hook", "timeout": 10}]
    told = {
        "APPLICATION_NAME": "portal",
        "DEPLOYMENT_ID": identity,
        "DEPLOYMENT_GROUP_NAME": "group",
        "DEPLOYMENT_GROUP_ID": "group-id",
        "region": "us-east-1",
        "endpoint": None,
        "bucket": "bundles",
        "key": identity,
        "appspec": {
            "files": [{"source": "/", "destination": str(folder / "there")}],
            "hooks": {"ApplicationStop": hook, "AfterInstall": hook},
        },
    }
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="bundles")
        s3.put_object(Bucket="bundles", Key=identity, Body=buffer.getvalue())
        for command in commands or ("ApplicationStop", "DownloadBundle", "Install", "AfterInstall"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.stdin", io.StringIO(json.dumps(told)))
                agent.main(command)


def lines(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines()


def test_a_first_revision_has_no_script_that_stops_it(tmp_path: Path) -> None:
    deploy(tmp_path, "d-1", {"a": "one", "sub/b": "two"})
    assert lines(tmp_path) == [f"AfterInstall portal group d-1 {tmp_path / 'agent'} d-1"]
    assert (tmp_path / "there" / "sub" / "b").read_text() == "two"
    assert (tmp_path / "there" / "a").stat().st_mode & 0o777 == 0o640


def test_the_next_one_stops_by_the_script_of_the_one_before_and_leaves_none_of_its_files(
    tmp_path: Path,
) -> None:
    deploy(tmp_path, "d-1", {"a": "one", "sub/b": "two"})
    (tmp_path / "there" / "own").write_text("what a machine has put there")
    deploy(tmp_path, "d-2", {"a": "newer"})
    assert [line.rsplit(" ", 1)[1] for line in lines(tmp_path)] == ["d-1", "d-1", "d-2"]
    there = tmp_path / "there"
    assert sorted(path.name for path in there.iterdir()) == ["a", "hook", "own"]
    assert (there / "a").read_text() == "newer"


def test_a_hook_that_fails_ends_the_command_with_its_place(tmp_path: Path) -> None:
    def fail(**changes: Any) -> str:
        hook = {"location": "hook", **changes}
        (tmp_path / "deployment-archive").mkdir(exist_ok=True)
        script = tmp_path / "deployment-archive" / "hook"
        script.write_text("#!/bin/sh\necho said\nsleep 0.3\nexit 4\n")
        script.chmod(0o755)
        told = dict.fromkeys(agent.TOLD, "x")
        with pytest.raises(SystemExit) as end:
            agent.run(hook, event="AfterInstall", folder=tmp_path, told=told)
        return str(end.value)

    assert fail(timeout=10) == "Script at specified location: hook failed with exit code 4"
    assert fail(timeout=0) == "Script at specified location: hook failed to complete in 0 seconds"
    assert (tmp_path / "logs" / "scripts.log").read_text().count("LifecycleEvent - AfterInstall") == 2


def test_few_archives_are_kept(tmp_path: Path) -> None:
    for number in range(8):
        deploy(tmp_path, f"d-{number}", {"a": str(number)})
    kept = sorted(path.name for path in (tmp_path / "agent" / "root" / "group-id").iterdir())
    assert kept[-1] == "d-7"
    assert len(kept) <= agent.KEPT_ARCHIVES + 1

"""appspec.yml and buildspec.yml name nothing that is not there."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.delivery import buildspec
from scripts.delivery.codedeploy import EVENTS

ROOT = Path(__file__).parents[3]
#: A script or a file of the repository, as a command names it.
_PATH = re.compile(r"(?<![\w/$])(?:\./)?((?:scripts|infrastructure|ecdeployer|user_data|wheels)/[\w./-]+)")
MADE_BY_THE_BUILD = {"wheels"}


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text()))


def hooks() -> list[tuple[str, dict[str, Any]]]:
    return [(event, hook) for event, found in load("appspec.yml")["hooks"].items() for hook in found]


@pytest.mark.parametrize(("event", "hook"), hooks())
def test_a_hook_is_there_and_may_be_run(event: str, hook: dict[str, Any]) -> None:
    path = ROOT / hook["location"]
    assert event in EVENTS
    assert path.is_file()
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert 0 < hook["timeout"] <= 3600
    assert hook["runas"] == "root"


def test_the_five_events_have_a_hook_each_and_no_other_hook_lies_about() -> None:
    events = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]
    assert [event for event, _ in hooks()] == events
    named = {Path(hook["location"]).name for _, hook in hooks()}
    assert {path.name for path in (ROOT / "scripts" / "hooks").iterdir()} == {*named, "machine.sh"}


def test_the_files_of_appspec_are_there() -> None:
    for file in load("appspec.yml")["files"]:
        assert (ROOT / file["source"].lstrip("/")).exists()


def test_what_a_build_runs_is_there_and_may_be_run() -> None:
    files = ("buildspec.yml", "infrastructure/buildspec-account.yml")
    phases = [phase for file in files for phase in load(file)["phases"].values()]
    commands = [command for phase in phases for command in phase["commands"]]
    paths = {path for command in commands for path in _PATH.findall(command)}
    assert paths
    for path in paths - {path for path in paths if path.split("/")[0] in MADE_BY_THE_BUILD}:
        assert (ROOT / path).exists(), path
        if path.startswith("scripts/"):
            assert os.access(ROOT / path, os.X_OK), path


def test_a_build_stops_at_the_first_command_that_fails(tmp_path: Path) -> None:
    text = """\
version: 0.2
env: {shell: bash, variables: {WORD: own}}
phases:
  install: {commands: ['echo "install $WORD $CODEBUILD_BUILD_NUMBER" > told']}
  build: {commands: ["false", "echo never > told"]}
  post_build: {commands: ["echo never > told"]}
artifacts: {base-directory: out, files: ["**/*"]}
"""
    (tmp_path / "buildspec.yml").write_text(text)
    run = buildspec.Build(source=tmp_path, commit="c" * 40, number="7", variables={"WORD": "given"})
    with pytest.raises(buildspec.BuildError, match="FAILED build: false"):
        run.run(tmp_path / "log")
    assert (tmp_path / "told").read_text() == "install given 7\n"


def test_commands_of_all_phases_share_a_shell(tmp_path: Path) -> None:
    text = """\
version: 0.2
env: {shell: bash}
phases:
  install: {commands: ["word=kept", "mkdir out"]}
  post_build: {commands: ['echo "$word" > out/told']}
artifacts: {base-directory: out, files: ["**/*"]}
"""
    (tmp_path / "buildspec.yml").write_text(text)
    run = buildspec.Build(source=tmp_path, commit="c" * 40, number="1", variables={})
    assert (run.run(tmp_path / "log") / "told").read_text() == "kept\n"


@pytest.mark.parametrize("script", ["benchmark", "bundle", "lint", "test"])
def test_what_runs_the_sources_own_code_leaves_the_account_first(script: str) -> None:
    """A build has its role's credentials within reach, and a developer an account."""
    first = [
        line for line in (ROOT / "scripts" / script).read_text().splitlines() if not line.startswith("#")
    ]
    assert first[:2] == ['source "$(dirname "$0")/environment.sh"', "leave_account"]


def test_nothing_of_an_account_is_left() -> None:
    command = 'source scripts/environment.sh; leave_account; leave_account; env "${TEST_SETTINGS[@]}" env'
    environment = {"PATH": os.environ["PATH"], "AWS_PROFILE": "mine", **buildspec.ROLE}
    told = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    found = {name for line in told.splitlines() if (name := line.partition("=")[0]).startswith("AWS_")}
    assert "AWS_REGION" in found
    assert not found & ({"AWS_PROFILE"} | set(buildspec.ROLE) - {"AWS_REGION"})

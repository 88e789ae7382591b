import base64
import gzip
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.cloud_init import documents, scripts

from .conftest import Make

DOCUMENTS = [documents.deploy_document(), documents.status_document(), documents.act_document()]
FIGURES = documents.figures_document()
BROUGHT = [scripts.DEPLOYING, scripts.ASKED, scripts.ASKED]
#: What Run Command takes of a document.
LIMIT = 64 * 1024


def lines(document: dict[str, Any]) -> list[str]:
    found: list[str] = document["mainSteps"][0]["inputs"]["runCommand"]
    return found


@pytest.mark.parametrize("document", [*DOCUMENTS, FIGURES])
def test_a_document_has_one_typed_parameter_that_travels_as_a_variable(document: dict[str, Any]) -> None:
    assert document["schemaVersion"] == "2.2"
    (parameter,) = document["parameters"].values()
    assert parameter["interpolationType"] == "ENV_VAR"
    assert parameter["allowedPattern"].startswith("^")
    assert parameter["allowedPattern"].endswith("$")
    assert len(json.dumps(document)) < LIMIT


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_parameter_is_text_only_for_agents_that_know_no_variables(
    document: dict[str, Any],
) -> None:
    text = "\n".join(lines(document))
    assert re.findall(r"\{\{.*?\}\}", text) == ["{{ Deployment }}"]
    assert 'SSM_Deployment="{{ Deployment }}"' in text


@pytest.mark.parametrize("document", [*DOCUMENTS, FIGURES])
def test_the_script_is_posix_shell(document: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("\n".join(lines(document)) + "\n")
    subprocess.run(["sh", "-n", script], check=True)


def test_the_document_of_figures_brings_the_sampler_as_it_is() -> None:
    commands = lines(FIGURES)
    text = "\n".join(commands)
    assert re.findall(r"\{\{.*?\}\}", text) == ["{{ Since }}"]
    assert text.partition("<<'PROGRAM'\n")[2].partition("PROGRAM\n")[0] == scripts.read("figures.py")
    (since,) = documents.figures_arguments(29_400_720)["Since"]
    assert re.fullmatch(FIGURES["parameters"]["Since"]["allowedPattern"], since)


@pytest.mark.parametrize(("document", "names"), list(zip(DOCUMENTS, BROUGHT, strict=True)))
def test_it_carries_the_scripts_as_they_are(document: dict[str, Any], names: tuple[str, ...]) -> None:
    commands = lines(document)
    archive = commands[commands.index("ARCHIVE") - 1]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive)), mode="r:bz2") as tar:
        found = {member.name: tar.extractfile(member).read().decode() for member in tar}  # type: ignore[union-attr]
    assert found == {name: scripts.read(name) for name in names}


@pytest.mark.parametrize("names", [scripts.DEPLOYING, scripts.ASKED])
def test_scripts_that_travel_together_import_no_others(names: tuple[str, ...]) -> None:
    for name in names:
        wanted = re.findall(
            r"^from user_data(?:\.(\w+))? import (\w+)|\"user_data\.(\w+)\"", scripts.read(name), re.MULTILINE
        )
        assert {f"{module or each or called}.py" for module, each, called in wanted} <= set(names), name


def test_arguments_pass_the_patterns_and_come_out_as_they_went_in(make: Make) -> None:
    parameters = make(branch="$(id);`id`", project_name="é 漢字", placeholders=[("A", "{{ ssm:/x }}\n'\"")])
    arguments = documents.deploy_arguments(parameters)
    pattern = DOCUMENTS[0]["parameters"]["Deployment"]["allowedPattern"]
    (packed,) = arguments["Deployment"]
    assert re.fullmatch(pattern, packed)
    assert gzip.decompress(base64.b64decode(packed)).decode() == parameters.to_json()
    (told,) = documents.status_arguments(parameters.deployment)["Deployment"]
    assert re.fullmatch(DOCUMENTS[1]["parameters"]["Deployment"]["allowedPattern"], told)

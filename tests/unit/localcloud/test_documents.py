from typing import Any

import pytest

from localcloud import documents
from localcloud.documents import DocumentRefusedError, ParametersRefusedError, Step


def document(parameters: dict[str, Any], *commands: str, **step: Any) -> dict[str, Any]:
    inputs = {"runCommand": list(commands), **step.pop("inputs", {})}
    return {
        "schemaVersion": "2.2",
        "parameters": parameters,
        "mainSteps": [{"action": "aws:runShellScript", "name": "step", "inputs": inputs, **step}],
    }


def test_values_are_filled_in_where_the_document_says() -> None:
    given = {"name": ["x y"], "where": ["/srv"]}
    parameters = {name: {"type": "String"} for name in given} | {"count": {"type": "String", "default": "3"}}
    content = document(
        parameters,
        "#!/bin/bash",
        "echo {{name}} {{ count }} {{ other }}",
        inputs={"workingDirectory": "{{ where }}", "timeoutSeconds": "60"},
        onFailure="exit",
    )

    assert documents.plan(content, given) == [
        Step(
            name="step",
            script="#!/bin/bash\necho x y 3 {{ other }}\n",
            working_directory="/srv",
            seconds=60,
            ends_on_failure=True,
        )
    ]


def test_a_value_passed_by_variable_never_becomes_text_of_the_script() -> None:
    hostile = "$(touch /canary)`id`'\"; rm -rf /\nx"
    content = document({"v": {"type": "String", "interpolationType": "ENV_VAR"}}, 'echo "{{ v }}" "$SSM_v"')

    [step] = documents.plan(content, {"v": [hostile]})

    assert step.script == 'echo "${SSM_v}" "$SSM_v"\n'
    assert step.environment == {"SSM_v": hostile}


def test_commands_of_a_list_become_lines() -> None:
    [step] = documents.plan(
        documents.RUN_SHELL_SCRIPT, {"commands": ["one", "two"], "executionTimeout": ["9"]}
    )
    assert step.script == "one\ntwo\n"
    assert step.seconds == 9


PATTERN = {"v": {"type": "String", "allowedPattern": "^[a-z]+$", "maxChars": 5}}


@pytest.mark.parametrize(
    ("parameters", "given"),
    [
        (PATTERN, {}),
        (PATTERN, {"v": ["A"]}),
        (PATTERN, {"v": ["a\n"]}),
        (PATTERN, {"v": ["a;id"]}),
        (PATTERN, {"v": ["toolong"]}),
        (PATTERN, {"v": ["a", "b"]}),
        (PATTERN, {"v": ["a"], "w": ["b"]}),
        ({"v": {"type": "Boolean"}}, {"v": ["yes"]}),
        ({"v": {"type": "Integer"}}, {"v": ["1.5"]}),
        ({"v": {"type": "String", "allowedValues": ["a"]}}, {"v": ["b"]}),
        ({"v": {"type": "String", "minChars": 2}}, {"v": ["b"]}),
        ({"v": {"type": "StringList", "maxItems": 1}}, {"v": ["a", "b"]}),
        ({"v": {"type": "StringList", "allowedPattern": "^a$"}}, {"v": ["a", "b"]}),
    ],
)
def test_values_that_do_not_fit_are_refused(parameters: dict[str, Any], given: dict[str, list[str]]) -> None:
    with pytest.raises(ParametersRefusedError):
        documents.plan(document(parameters, "true"), given)


def test_values_that_fit_are_taken() -> None:
    parameters = {"v": PATTERN["v"], "b": {"type": "Boolean"}, "n": {"type": "Integer"}}
    [step] = documents.plan(
        document(parameters, "{{v}} {{b}} {{n}}"), {"v": ["abc"], "b": ["true"], "n": ["-2"]}
    )
    assert step.script == "abc true -2\n"


def test_documents_of_other_kinds_are_refused() -> None:
    with pytest.raises(DocumentRefusedError, match="aws:runPowerShellScript"):
        documents.plan({"schemaVersion": "2.2", "mainSteps": [{"action": "aws:runPowerShellScript"}]}, {})
    with pytest.raises(DocumentRefusedError, match="Schema"):
        documents.plan({"schemaVersion": "0.3"}, {})


def test_steps_for_other_platforms_are_left_out() -> None:
    content = document({}, "true", precondition={"StringEquals": ["platformType", "Windows"]})
    assert documents.plan(content, {}) == []

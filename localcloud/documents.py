"""SSM documents of schema 2.2: parameters checked by their types and patterns, steps made ready to run."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = str | list[str]
Given = Mapping[str, Sequence[str]]

DEFAULT_SECONDS = 3600
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_-]+)\s*\}\}")
_ACTION = "aws:runShellScript"

RUN_SHELL_SCRIPT: dict[str, Any] = {
    "schemaVersion": "2.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {"type": "StringList", "minItems": 1},
        "workingDirectory": {"type": "String", "default": "", "maxChars": 4096},
        "executionTimeout": {"type": "String", "default": "3600", "allowedPattern": "[1-9][0-9]{0,5}"},
    },
    "mainSteps": [
        {
            "action": _ACTION,
            "name": "runShellScript",
            "inputs": {
                "runCommand": "{{ commands }}",
                "workingDirectory": "{{ workingDirectory }}",
                "timeoutSeconds": "{{ executionTimeout }}",
            },
        }
    ],
}


class ParametersRefusedError(ValueError):
    """The values do not fit the document's parameters (SSM's InvalidParameters)."""


class DocumentRefusedError(ValueError):
    """The document is of a kind that does not run here (SSM's InvalidDocument)."""


@dataclass(frozen=True)
class Step:
    """One script to run; `seconds` is its own time limit."""

    name: str
    script: str
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = ""
    seconds: int = DEFAULT_SECONDS
    ends_on_failure: bool = False


def plan(document: Mapping[str, Any], given: Given) -> list[Step]:
    """The steps of a document with these values."""
    if str(document.get("schemaVersion")) not in ("2.0", "2.2"):
        raise DocumentRefusedError(f"Schema {document.get('schemaVersion')} does not run here: use 2.2")
    declared: Mapping[str, Any] = document.get("parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ParametersRefusedError(f"The document has no parameters {', '.join(unknown)}")
    values = {name: _value(name, rules, given.get(name)) for name, rules in declared.items()}
    by_variable = {name for name, rules in declared.items() if rules.get("interpolationType") == "ENV_VAR"}
    steps = [step for step in document.get("mainSteps") or [] if _applies(step)]
    return [_step(step, values, by_variable) for step in steps]


def _applies(step: Mapping[str, Any]) -> bool:
    condition = (step.get("precondition") or {}).get("StringEquals")
    if condition and "platformType" in condition:
        return "Linux" in condition
    return True


def _step(step: Mapping[str, Any], values: Mapping[str, Value], by_variable: set[str]) -> Step:
    if step.get("action") != _ACTION:
        raise DocumentRefusedError(f"{step.get('action')} does not run here, only {_ACTION}")
    inputs = step.get("inputs") or {}
    lines = _lines(inputs.get("runCommand") or [], values, by_variable)
    seconds = _filled(str(inputs.get("timeoutSeconds") or DEFAULT_SECONDS), values, set())
    return Step(
        name=str(step.get("name") or _ACTION),
        script="\n".join(lines) + "\n",
        environment={f"SSM_{name}": _text(values[name]) for name in sorted(by_variable)},
        working_directory=_filled(str(inputs.get("workingDirectory") or ""), values, set()),
        seconds=int(seconds) if seconds.isdigit() else DEFAULT_SECONDS,
        ends_on_failure=step.get("onFailure") == "exit",
    )


def _lines(commands: str | Sequence[str], values: Mapping[str, Value], by_variable: set[str]) -> list[str]:
    """A list that stands alone in an entry becomes as many lines."""
    lines: list[str] = []
    for entry in [commands] if isinstance(commands, str) else commands:
        alone = _PLACEHOLDER.fullmatch(entry.strip())
        value = values.get(alone[1]) if alone else None
        if alone and isinstance(value, list) and alone[1] not in by_variable:
            lines += value
        else:
            lines.append(_filled(entry, values, by_variable))
    return lines


def _filled(text: str, values: Mapping[str, Value], by_variable: set[str]) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name in by_variable:
            return f"${{SSM_{name}}}"
        return _text(values[name]) if name in values else match[0]

    return _PLACEHOLDER.sub(fill, text)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(name: str, rules: Mapping[str, Any], given: Sequence[str] | None) -> Value:
    kind = rules.get("type", "String")
    if given is None:
        if "default" not in rules:
            raise ParametersRefusedError(f"The parameter {name} is required")
        default = rules["default"]
        return [str(item) for item in default] if kind == "StringList" else _default(default)
    if kind == "StringList":
        _check_list(name, rules, given)
        return list(given)
    if len(given) != 1:
        raise ParametersRefusedError(f"The parameter {name} takes one value, not {len(given)}")
    _check_text(name, rules, given[0])
    return given[0]


def _default(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_list(name: str, rules: Mapping[str, Any], given: Sequence[str]) -> None:
    least, most = int(rules.get("minItems", 0)), int(rules.get("maxItems", 10_000))
    if not least <= len(given) <= most:
        raise ParametersRefusedError(f"The parameter {name} takes {least} to {most} values")
    for item in given:
        _check_text(name, {key: value for key, value in rules.items() if key != "type"}, item)


def _check_text(name: str, rules: Mapping[str, Any], text: str) -> None:
    least, most = int(rules.get("minChars", 0)), int(rules.get("maxChars", 1_000_000))
    if not least <= len(text) <= most:
        raise ParametersRefusedError(f"The parameter {name} takes {least} to {most} characters")
    allowed = rules.get("allowedValues")
    if allowed and text not in [str(value) for value in allowed]:
        raise ParametersRefusedError(f"The parameter {name} takes only its allowed values")
    pattern = rules.get("allowedPattern")
    if pattern and not re.search(_without_newline(pattern), text):
        raise ParametersRefusedError(f"The parameter {name} does not match its pattern {pattern}")
    kind = rules.get("type")
    if kind == "Boolean" and text not in ("true", "false"):
        raise ParametersRefusedError(f"The parameter {name} is true or false")
    if kind == "Integer" and not re.fullmatch(r"-?[0-9]+", text):
        raise ParametersRefusedError(f"The parameter {name} is a whole number")


def _without_newline(pattern: str) -> str:
    """The agent's `$` is the very end, where Python's also stands before a last newline."""
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    return pattern[:-1] + r"\Z" if ends else pattern

import json
from pathlib import Path

import pytest

from user_data import verdict

UV = """\
Using Python 3.11.2 environment at: venv
error: Failed to resolve dependencies
  cause: Because there is no version of django==99.1 and you require django==99.1, we can conclude that
         your requirements are unsatisfiable.
Trying again with pip
ERROR: Could not find a version that satisfies the requirement django==99.1 (from versions: 1.1)
ERROR: No matching distribution found for django==99.1
"""
PYTHON = """\
The project asks for Python ==3.8.*
error: Request failed after 3 retries in 10.8s
  cause: Failed to download `https://github.com/x.tar.gz`
  cause: dns error
"""


def test_the_installer_speaks_for_itself() -> None:
    code, reason = verdict.from_log("install", UV)
    assert code == "install-failed"
    assert "no version of django==99.1" in reason


def test_a_python_that_cannot_be_had_is_named_with_the_cause() -> None:
    code, reason = verdict.from_log("venv", PYTHON)
    assert code == "python-unavailable"
    assert reason.startswith("The project asks for Python ==3.8.*, which the machine does not have")
    assert reason.endswith("Failed to download `https://github.com/x.tar.gz`")


def test_a_missing_variable_is_named_with_its_place() -> None:
    place = '  File "/srv/r/source/mysite/settings.py", line 9, in <module>'
    log = f"Traceback (most recent call last):\n{place}\n    x\nKeyError: 'APP_SECRET'\n"
    code, reason = verdict.from_log("configure", log)
    assert code == "environment-variable-missing"
    assert "APP_SECRET, which is not set (mysite/settings.py, line 9)" in reason


def test_a_check_that_fails_speaks_for_itself() -> None:
    log = "SystemCheckError: System check identified issues:\n\nERRORS:\n?: (4_0.E001) As of Django 4.0, x.\n"
    assert verdict.from_log("migrate", log) == ("migrate-failed", "?: (4_0.E001) As of Django 4.0, x.")


@pytest.mark.parametrize(
    "words",
    [
        "openai.OpenAIError: Pass api_key or set the OPENAI_API_KEY environment variable",
        "django.core.exceptions.ImproperlyConfigured: Set the OPENAI_API_KEY environment variable",
        "decouple.Error: environment variable 'OPENAI_API_KEY' is missing",
    ],
)
def test_a_variable_that_a_package_asks_for_is_named(words: str) -> None:
    place = '  File "/srv/r/source/mysite/views.py", line 3, in <module>'
    code, reason = verdict.from_log(
        "migrate", f"Traceback (most recent call last):\n{place}\n    x\n{words}\n"
    )
    assert code == "environment-variable-missing"
    assert "OPENAI_API_KEY, which is not set" in reason


@pytest.mark.parametrize(
    ("step", "log", "reason"),
    [
        ("clone", "remote: Not found\nfatal: could not read\nmore\n", "fatal: could not read"),
        ("migrate", "CommandError: Conflicting migrations\n", "CommandError: Conflicting migrations"),
        ("collectstatic", "some words\n\n", "some words"),
        ("collectstatic", "", "It ended without a word."),
    ],
)
def test_other_steps_end_with_their_last_words(step: str, log: str, reason: str) -> None:
    assert verdict.from_log(step, log) == (f"{step}-failed", reason)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "host-key-changed"),
        ("No ED25519 host key is known for [10.0.0.5]:2222 and you have ...", "host-key-unknown"),
        ("git@10.0.0.5: Permission denied (publickey).", "deploy-key-refused"),
        ("error: cannot run ssh: No such file or directory", "ssh-missing"),
    ],
)
def test_a_clone_that_ssh_ends_has_the_code_of_its_reason(words: str, code: str) -> None:
    log = f"{words}\nfatal: Could not read from remote repository.\n"
    found, reason = verdict.from_log("clone", log)
    assert found == code
    assert reason.endswith(".")


def test_of_two_steps_that_failed_side_by_side_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "failed").write_text("migrate\ncollectstatic\n")
    (tmp_path / "collectstatic.log").write_text("the disk is full\n")
    verdict.main(str(tmp_path), str(tmp_path))
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["step"] == "collectstatic"
    assert result["reason"] == "the disk is full"


def test_a_given_reason_is_kept_and_bounded(tmp_path: Path) -> None:
    (tmp_path / "failed").write_text("health\n")
    (tmp_path / "reason.json").write_text(json.dumps({"code": "health-server-error", "reason": "x" * 5000}))
    decided = verdict.decide(str(tmp_path), str(tmp_path))
    assert (decided["code"], len(decided["reason"])) == ("health-server-error", 1000)


def test_a_release_line_that_fails_is_told_from_a_migration() -> None:
    log = "Applying shop.0001... OK\nProcfile, release: python manage.py seed\nCommandError: no seeds\n"
    assert verdict.from_log("migrate", log) == (
        "release-failed",
        "The Procfile's release line fails: CommandError: no seeds",
    )
    assert verdict.from_log("migrate", "OperationalError: locked\n")[0] == "migrate-failed"

"""What the documentation tells an operator to type is taken by the program that it names."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandParser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: In a block of its own, or between backticks; what is no command has other letters.
TYPED = re.compile(r"(?:^|`)(?:manage\.py|portal-manage) ([a-z_]+(?: [^`\n]*)?)(?:`|$)", re.MULTILINE)
#: What stands for something of the reader's.
EXAMPLES = {"DAYS": "90", "…": "example"}


def typed() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for text in TYPED.findall(page.read_text()):
            yield page.name, text.partition(" > ")[0]


COMMANDS = sorted(set(typed()))


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 15


@pytest.mark.parametrize(("page", "text"), COMMANDS)
def test_a_command_is_there_and_takes_what_it_is_given(page: str, text: str) -> None:
    name, *arguments = shlex.split(text, comments=True)
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    assert isinstance(parser, CommandParser)
    given = [EXAMPLES.get(argument, argument) for argument in arguments]
    # A command that is only named may want more.
    if given or not any(action.required for action in parser._actions):
        parser.parse_args(given)


SCRIPTS = re.compile(r"(?:^|`|\s)(?:\./)?(scripts/[a-z][a-z_-]*)(?=[`\s])", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_script_is_there(page: Path) -> None:
    for name in SCRIPTS.findall(page.read_text()):
        assert (ROOT / name).exists(), name

import json
from typing import Any

import pytest
from ecdeployer.commands import output, reports
from ecdeployer.commands.models import Command
from ecdeployer.commands.report_bodies import Report
from ecdeployer.commands.sources import LABELS, of_machine

WEB = {"name": "web", "size": 5, "changed": 1_700_000_000}


def answer(command: Command, listed: Any, lines: str = "line\n") -> str:
    """What is shown of an answer that begins with this listing."""
    text = json.dumps(listed) + "\n" + lines
    reports.apply(command.pk, Report(offset=0, next=len(text), text=text))
    command.refresh_from_db()
    return output.everything(command)


def test_the_listing_is_remembered_and_not_shown(followed: Command) -> None:
    worker = {"name": "process-worker", "size": 1, "changed": None}
    assert answer(followed, {"sources": [WEB, worker]}) == "line\n"
    found = of_machine(followed.instance_id)
    assert [source.name for source in found] == ["web", "process-worker", *list(LABELS)[1:]]
    assert (found[0].size, found[1].label) == (5, "Process worker")


@pytest.mark.parametrize(
    "listed",
    [
        5, [], {"sources": 5}, {"sources": [5]}, {"sources": [{"name": "web"}]},
        {"sources": [{**WEB, "size": -1}]}, {"sources": [{**WEB, "size": True}]},
        {"sources": [{**WEB, "changed": 1 << 60}]}, {"sources": [{**WEB, "changed": "now"}]},
    ],
)  # fmt: skip
def test_what_is_no_listing_is_shown_as_a_line(followed: Command, listed: Any) -> None:
    assert answer(followed, listed) == json.dumps(listed) + "\nline\n"
    assert [source.name for source in of_machine(followed.instance_id)] == list(LABELS)


@pytest.mark.parametrize("name", ["../etc/passwd", "<b>", "a" * 100, "", "-x", "web\n"])
def test_names_that_no_machine_of_ours_has_are_left_out(followed: Command, name: str) -> None:
    answer(followed, {"sources": [{**WEB, "name": name}]})
    assert [source.name for source in of_machine(followed.instance_id)] == list(LABELS)

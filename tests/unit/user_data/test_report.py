"""What a machine tells of a deployment: whole, once, and without secrets."""

import json
from pathlib import Path
from typing import Any

import pytest

from user_data import report

IDENTITY = "00000000-0000-4000-8000-000000000000"
SECRET = "s3cr3t-PASSWORD-0123456789"


@pytest.fixture
def deployment(tmp_path: Path) -> report.Deployment:
    made = report.Deployment(IDENTITY, state=str(tmp_path / "state"), logs=str(tmp_path / "logs"))
    made.secrets = [SECRET]
    for folder in (made.state, made.logs):
        Path(folder).mkdir(parents=True)
    return made


def write(deployment: report.Deployment, text: str) -> None:
    with Path(deployment.logs, "migrate.log").open("a", encoding="utf-8") as file:
        file.write(text)


def told(deployment: report.Deployment, *, size: int = report.CHUNK, last: bool = False) -> str:
    """All parts that can go now, one after the other."""
    offset, text = 0, ""
    while part := deployment.log("migrate", offset, size, last=last):
        assert part["offset"] == offset < part["next"]
        offset, text = part["next"], text + part["text"]
    return text


def test_a_secret_that_is_written_in_two_pieces_stays(deployment: report.Deployment) -> None:
    write(deployment, f"password={SECRET[:20]}")
    first = deployment.log("migrate", 0, report.CHUNK, last=False)
    assert first
    write(deployment, SECRET[20:] + "\n")
    second = deployment.log("migrate", first["next"], report.CHUNK, last=False)
    assert second
    assert first["text"] + second["text"] == "password=******\n"


@pytest.mark.parametrize("lead", range(20, 60, 3))
def test_a_secret_at_the_edge_of_a_report_stays(deployment: report.Deployment, lead: int) -> None:
    write(deployment, "x" * lead + SECRET + "y" * 70)
    assert told(deployment, size=50, last=True) == "x" * lead + "******" + "y" * 70


def test_what_could_become_a_secret_goes_when_nothing_comes_after_it(deployment: report.Deployment) -> None:
    write(deployment, "one\nends with s3cr3t")
    assert told(deployment) == "one\nends with "
    assert told(deployment, last=True) == "one\nends with s3cr3t"


def test_a_letter_at_the_edge_of_a_report_is_whole(deployment: report.Deployment) -> None:
    write(deployment, "ü" * 300)
    assert told(deployment, size=51, last=True) == "ü" * 300


@pytest.mark.parametrize("after", range(80, 112))
def test_the_end_of_a_log_begins_with_no_half_of_a_secret(deployment: report.Deployment, after: int) -> None:
    write(deployment, "x" * 200 + SECRET + "y" * after)
    Path(deployment.state, "result.json").write_text("{}")
    part = deployment.end_of_log("migrate", 100)
    assert part
    assert part["next"] == 200 + len(SECRET) + after
    assert part["text"] in {"y" * after, "******" + "y" * after, "y" * 100} | {
        "x" * number + "******" + "y" * after for number in range(100)
    }
    assert 74 <= len(part["text"].replace("******", SECRET)) <= 100


def test_the_end_of_a_short_log_is_all_of_it(deployment: report.Deployment) -> None:
    write(deployment, f"one {SECRET}\n")
    part: dict[str, Any] = deployment.end_of_log("migrate", 3000) or {}
    assert (part["offset"], part["text"]) == (0, "one ******\n")


def test_the_end_of_a_log_that_goes_on_ends_with_no_half_of_a_secret(deployment: report.Deployment) -> None:
    write(deployment, f"starting\npassword={SECRET[:20]}")
    assert (deployment.end_of_log("migrate", 3000) or {})["text"] == "starting\n"
    Path(deployment.state, "result.json").write_text("{}")
    assert (deployment.end_of_log("migrate", 3000) or {})["text"].endswith(SECRET[:20])


@pytest.mark.parametrize("began", [True, False])
def test_what_is_called_off_is_marked_though_it_has_not_begun(
    deployment: report.Deployment, began: bool
) -> None:
    if not began:
        Path(deployment.state).rmdir()
    report.stop(deployment)
    assert Path(deployment.state, "cancelled").exists()


def test_what_has_ended_is_not_called_off(deployment: report.Deployment) -> None:
    Path(deployment.state, "result.json").write_text(json.dumps({"state": "succeeded"}))
    report.stop(deployment)
    assert not Path(deployment.state, "cancelled").exists()

import json
from pathlib import Path

import pytest

from user_data import inspection

HOSTILE = [
    "/x/ { } } server { listen 81; #/",
    "/static/\n}",
    "/$(id)/",
    "/a;b/",
    "/../etc/",
    "//evil.example/",
    "https://cdn.example.com/",
    "/.git/",
    "/" + "a" * 300 + "/",
    "/é/",
    "/$host/",
    '/"/',
    "/",
    "",
    None,
]


def prefixes(static: object, media: object = "/media/") -> list[str]:
    text = inspection.locations({"STATIC_URL": static, "MEDIA_URL": media}, "000001")
    return [line.split()[2] for line in text.splitlines() if line.startswith("location")]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_url_that_is_no_plain_path_of_the_site_stays_the_projects(url: object) -> None:
    assert prefixes(url) == ["/media/"]


@pytest.mark.parametrize("url", ["/static/", "static/", "/static", "static"])
def test_static_files_are_nginx_own(url: str) -> None:
    assert prefixes(url) == ["/static/", "/media/"]


def test_one_url_has_one_location() -> None:
    assert prefixes("/files/", "/files/") == ["/files/"]


def test_changes_are_bounded_and_of_one_shape() -> None:
    told = inspection.changes(
        {"changes": [{"setting": "X", "from": "a" * 9000, "more": 1}, "no", *[{}] * 200]}
    )
    lines = [json.loads(line) for line in told.splitlines()]
    assert len(lines) == 99
    assert lines[0] == {"setting": "X", "from": "a" * 400, "to": "", "why": ""}


def test_locations_are_those_of_the_release(tmp_path: Path) -> None:
    told = {"STATIC_URL": "/static/", "changes": []}
    (tmp_path / "inspection.json").write_text(json.dumps(told))
    inspection.prepare(str(tmp_path), str(tmp_path / "000001.locations"))
    assert "/srv/ecdeployer/releases/000001/static/" in (tmp_path / "000001.locations").read_text()


def test_plain_static_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"environment": {"A": "b" * 500}}))
    inspection.use_plain_static(str(tmp_path / "environment.json"), str(tmp_path))
    changed = json.loads((tmp_path / "environment.json").read_text())
    assert changed == {"environment": {"A": "b" * 500}, "plain_static": True}
    assert json.loads((tmp_path / "changes.jsonl").read_text())["setting"] == "STORAGES"

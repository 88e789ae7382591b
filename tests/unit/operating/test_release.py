"""What the portal says of the release that it is."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.release import Release
from pytest_django import Settings

from ecdeployer import release
from tests.portal_records import make_person

COMMIT = "4f9d2c1" + "0" * 33
BUILT: dict[str, Any] = {
    "version": "0.1.0",
    "commit": COMMIT,
    "build": "17",
    "built_at": "2026-11-26T10:00:00+00:00",
}
DEPLOYED = BUILT | {"deployed_at": "2026-11-26T10:05:00Z"}


def written(folder: Path, content: object) -> Path:
    path = folder / "release.json"
    path.write_text(json.dumps(content))
    return path


def test_what_the_build_and_the_machine_wrote_is_read(tmp_path: Path) -> None:
    assert asdict(release.read(written(tmp_path, DEPLOYED))) == DEPLOYED | {
        "built_at": datetime(2026, 11, 26, 10, tzinfo=UTC),
        "deployed_at": datetime(2026, 11, 26, 10, 5, tzinfo=UTC),
    }
    assert release.read(written(tmp_path, BUILT)).deployed_at is None


def test_a_checkout_is_a_development_one(tmp_path: Path) -> None:
    found = release.read(tmp_path / "release.json")
    assert found.as_json() == {
        "version": "development", "commit": None, "build": None, "built_at": None, "deployed_at": None
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [[], {}, "text", BUILT | {"built_at": "yesterday"}, DEPLOYED | {"deployed_at": 5}, {"version": "0.1.0"}],
)
def test_a_file_that_nobody_can_read_ends_the_start_and_is_named(tmp_path: Path, content: object) -> None:
    path = written(tmp_path, content)
    with pytest.raises(SystemExit, match=str(path)):
        release.read(path)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("account")
def test_a_probe_tells_anybody_which_release_answers(client: Client, settings: Settings) -> None:
    settings.RELEASE = Release(version="0.1.0", commit=COMMIT, build="17", built_at=datetime.now(UTC))
    told = client.get("/readyz", headers={"host": "10.0.0.7"}).json()["release"]
    assert told == settings.RELEASE.as_json()
    assert (told["commit"], told["deployed_at"]) == (COMMIT, None)


@pytest.mark.django_db
def test_a_page_shows_it_to_whoever_signs_in(client: Client, settings: Settings) -> None:
    settings.RELEASE = Release(
        version="0.1.0", commit=COMMIT, build="17", deployed_at=datetime(2026, 11, 26, 10, 5, tzinfo=UTC)
    )
    client.force_login(make_person("ines", time_zone="Europe/Lisbon"))
    page = client.get(reverse("about")).content.decode()
    for part in ("0.1.0", COMMIT, "17", "26 Nov 2026, 10:05:00"):
        assert part in page
    assert f'href="{reverse("about")}"' in client.get(reverse("applications:list")).content.decode()

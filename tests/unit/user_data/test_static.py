"""Static files with hashed names, asked for as pages ask for them."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from pytest_django import Settings

from user_data.ecdeployer_static import storage

MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


@pytest.fixture
def stored(settings: Settings, tmp_path: Path) -> Any:
    """A storage that collected one file."""
    settings.ECDEPLOYER_STATIC_STORAGE = MANIFEST
    made = storage(location=tmp_path, base_url="/static/")
    made.save("there.css", ContentFile(b"body {}"))
    list(made.post_process({"there.css": (made, "there.css")}))
    return made


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("gone.css", "/static/gone.css"),
        ("/there.css", "/static/there.css"),
        ("a b.css", "/static/a%20b.css"),
    ],
)
def test_what_has_no_hash_keeps_its_name(stored: Any, name: str, url: str) -> None:
    assert stored.url(name) == url


def test_what_was_collected_is_named_with_its_hash(stored: Any) -> None:
    assert stored.url("there.css") == f"/static/there.{stored.file_hash('', ContentFile(b'body {}'))}.css"
    assert type(stored).__name__ == "ManifestStaticFilesStorage"

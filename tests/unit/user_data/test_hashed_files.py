import os
from collections.abc import Callable
from pathlib import Path

import pytest

from user_data import hashed_files

Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A release that began at a minute and collected these files then."""

    def make(name: str, minute: int, *files: str) -> str:
        for path in ("python/launch.py", "collected", *(f"static/{file}" for file in files)):
            written = tmp_path / name / path
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(name)
            os.utime(written, (minute * 60, minute * 60))
        (tmp_path / name / "static").mkdir(exist_ok=True)
        return str(tmp_path / name)

    return make


def served(release: str) -> dict[str, str]:
    static = Path(release, "static")
    return {str(path.relative_to(static)): path.read_text() for path in static.rglob("*") if path.is_file()}


def test_names_with_a_hash_go_on_and_plain_ones_do_not(make: Make) -> None:
    before = make("1", 0, "a.0123456789ab.css", "deep/er/b.0123456789ab.css.gz", "a.css", "c.0123.css")
    after = make("2", 1, "a.ba9876543210.css")
    assert hashed_files.share(before, after) == 2
    assert served(after) == {
        "a.0123456789ab.css": "1",
        "a.ba9876543210.css": "2",
        "deep/er/b.0123456789ab.css.gz": "1",
    }


def test_a_release_hands_on_its_own_files_alone(make: Make) -> None:
    first, second, third = (make(name, int(name), f"a.{name * 12}.css") for name in "123")
    hashed_files.share(first, second)
    assert hashed_files.share(second, third) == 1
    assert served(third) == {"a.222222222222.css": "2", "a.333333333333.css": "3"}


def test_so_does_one_that_was_returned_to(make: Make) -> None:
    first, second, third = (make(name, int(name), f"a.{name * 12}.css") for name in "123")
    hashed_files.share(first, second)
    hashed_files.share(second, first)
    assert hashed_files.share(first, third) == 1
    assert served(third) == {"a.111111111111.css": "1", "a.333333333333.css": "3"}


def test_one_that_an_older_version_made_hands_on_all_that_it_has(make: Make) -> None:
    before, after = make("1", 0, "a.0123456789ab.css"), make("2", 1)
    Path(before, "collected").unlink()
    assert hashed_files.share(before, after) == 1


def test_a_release_that_serves_again_gets_the_files_of_the_one_that_goes(make: Make) -> None:
    first, second = (make(name, int(name), f"a.{name * 12}.css") for name in "12")
    hashed_files.share(first, second)
    assert hashed_files.share(second, first) == 1
    assert hashed_files.share(second, first) == 0
    assert served(first) == served(second) == {"a.111111111111.css": "1", "a.222222222222.css": "2"}


def test_what_the_new_release_has_stays_its_own(make: Make) -> None:
    before, after = make("1", 0, "a.0123456789ab.css"), make("2", 1, "a.0123456789ab.css")
    assert hashed_files.share(before, after) == 0
    assert served(after) == {"a.0123456789ab.css": "2"}


def test_a_link_is_no_static_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    before, after = make("1", 0), make("2", 1)
    Path(before, "static", "a.0123456789ab.css").symlink_to(tmp_path / "secret")
    Path(before, "static", "folder").symlink_to(tmp_path)
    assert hashed_files.share(before, after) == 0
    assert served(after) == {}

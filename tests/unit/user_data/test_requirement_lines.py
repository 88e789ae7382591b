import json
from pathlib import Path

import pytest

from user_data.requirement_lines import Reading, canonical, decode, joined, pep440


def read(root: Path, *paths: str) -> Reading:
    reading = Reading(str(root))
    for path in paths:
        reading.add("requirements", path)
    return reading


@pytest.mark.parametrize(
    "content",
    [
        "Django==5.2\n".encode("utf-16"),
        "Django==5.2\n".encode("utf-16-le"),
        b"\xfe\xff" + "Django==5.2\n".encode("utf-16-be"),
        b"\xef\xbb\xbfDjango==5.2\n",
        b"Django==5.2\n",
    ],
)
def test_text_is_read_in_the_encodings_that_people_save_it_in(content: bytes) -> None:
    assert decode(content) == "Django==5.2\n"


def test_text_of_no_encoding_is_read_all_the_same() -> None:
    assert decode(b"# caf\xe9\nDjango\n") == "# café\nDjango\n"


def test_comments_hashes_and_continued_lines() -> None:
    text = (
        "Django==5.2 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n\n# no\nx @ https://e/x.zip#egg=x # why\n"
    )
    assert list(joined(text)) == ["Django==5.2", "x @ https://e/x.zip#egg=x"]


def test_files_lead_to_other_files_once(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "prod.txt").write_text("-r base.txt\ngunicorn\n")
    (tmp_path / "requirements" / "base.txt").write_text(
        "--requirement=prod.txt\nDjango\n-r ../../outside.txt\n"
    )
    (tmp_path.parent / "outside.txt").write_text("evil\n")
    assert read(tmp_path, "requirements/prod.txt").lines == ["Django", "gunicorn"]


def test_what_only_other_systems_have_is_left_out_and_told(tmp_path: Path) -> None:
    foreign = "pywin32==306\nTwisted-IOCPSupport==1.0\npkg_resources==0.0.0\n"
    lines = foreign + "sqlparse @ file:///C:/x\n-e .\n./gone\nDjango\n"
    (tmp_path / "requirements.txt").write_text(lines)
    reading = read(tmp_path, "requirements.txt")
    assert reading.lines == ["sqlparse", "Django"]
    told = [
        "pywin32==306",
        "Twisted-IOCPSupport==1.0",
        "pkg_resources==0.0.0",
        "sqlparse @ file:///C:/x",
        ".",
        "./gone",
    ]
    assert [note[0] for note in reading.notes] == told


def test_a_package_of_the_repository_is_installed_from_there(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "setup.py").touch()
    (tmp_path / "requirements.txt").write_text("-e ./lib\n-e ../elsewhere\n-e git+https://e/x.git#egg=x\n")
    assert read(tmp_path, "requirements.txt").lines == [f"{tmp_path}/lib", "git+https://e/x.git#egg=x"]


def test_poetry_with_its_lock(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        """
        [tool.poetry.dependencies]
        python = "^3.10"
        Django = "^5.1"
        celery = {version = "~5.4.1", extras = ["redis"]}
        later = {version = "*", optional = true}
        mine = {git = "https://e/x.git", rev = "abc"}
        old = [{version = "1.0", python = "<3.11"}]
        """
    )
    (tmp_path / "poetry.lock").write_text('[[package]]\nname = "django"\nversion = "5.1.9"\n')
    reading = read(tmp_path, "pyproject.toml")
    expected = ["Django>=5.1,<6", "celery[redis]>=5.4.1,<5.5", "mine @ git+https://e/x.git@abc", "old==1.0"]
    assert reading.lines == expected
    assert reading.constraints == ["django==5.1.9"]


def test_pep_621(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["Django>=5", "pywin32"]\n'
    )
    assert read(tmp_path, "pyproject.toml").lines == ["Django>=5"]


def test_pipfile_with_its_lock(tmp_path: Path) -> None:
    (tmp_path / "Pipfile").write_text('[packages]\ndjango = "~=5.2.0"\nrequests = "*"\n')
    lock = {"default": {"django": {"version": "==5.2.1"}, "mine": {"git": "https://e/x.git"}}}
    (tmp_path / "Pipfile.lock").write_text(json.dumps(lock))
    reading = read(tmp_path, "Pipfile")
    assert (reading.lines, reading.constraints) == (["django~=5.2.0", "requests"], ["django==5.2.1"])


@pytest.mark.parametrize(
    ("wanted", "specifier"),
    [
        ("*", ""),
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        ("1.4", "==1.4"),
        (">= 1.4, < 2", ">=1.4,<2"),
        ("^1 || ^2", ">=2,<3"),
    ],
)
def test_poetry_constraints_become_specifiers(wanted: str, specifier: str) -> None:
    assert pep440(wanted) == specifier


def test_names_are_compared_as_pypi_does() -> None:
    assert canonical("Django_REST.framework[x]>=3") == "django-rest-framework"
    assert canonical("--index-url https://e") == ""

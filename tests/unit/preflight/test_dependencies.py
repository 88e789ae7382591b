from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight import dependencies, distributions
from ecdeployer.preflight.dependencies import Dependencies
from ecdeployer.preflight.facts import ReadOptions
from ecdeployer.preflight.tree import Tree

from user_data import requirement_lines

Read = Callable[..., Dependencies]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_files(files: Mapping[str, str | bytes], *, downloads: bool = True) -> Dependencies:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = ReadOptions(machine_python="3.11", python_downloads=downloads)
        return dependencies.read(Tree(tmp_path), project_directory="shop", options=options)

    return read_files


def codes(found: Dependencies) -> dict[str, str]:
    return {item.code: item.level for item in found.findings}


def sources(found: Dependencies) -> list[tuple[str, str]]:
    return [(item.kind, item.path) for item in found.sources]


def test_requirements_at_the_root(read: Read) -> None:
    found = read({"requirements.txt": "Django==4.2\ndjangorestframework\n"})

    assert sources(found) == [("requirements", "requirements.txt")]
    assert found.packages == {"django", "djangorestframework"}
    assert (found.python, found.findings) == ("", ())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("shop/requirements.txt", "requirements"),
        ("shop/Requirements.txt", "requirements"),
        ("requirements/production.txt", "requirements"),
        ("shop/requirements/base.txt", "requirements"),
        ("shop/requirement.txt", "requirements"),
        ("requirements.dep.txt", "requirements"),
        ("requirements/pro_requirements.txt", "requirements"),
    ],
)
def test_requirements_elsewhere(read: Read, path: str, kind: str) -> None:
    assert sources(read({path: "Django==4.2\n"})) == [(kind, path)]


def test_the_projects_own_requirements_go_before_the_roots(read: Read) -> None:
    found = read({"requirements.txt": "Django==1.8\n", "shop/requirements.txt": "Django==4.2\n"})

    assert sources(found) == [("requirements", "shop/requirements.txt")]


def test_both_are_taken_where_the_projects_own_lack_django(read: Read) -> None:
    found = read({"requirements.txt": "Flask\n", "shop/requirements.txt": "requests\n"})

    assert len(found.sources) == 2
    assert codes(found) == {"django-missing": "warning"}


def test_included_files_are_followed(read: Read) -> None:
    files = {
        "requirements/prod.txt": "-r base.txt\n-r gone.txt\n",
        "requirements/base.txt": "-r prod.txt\nDjango==4.2\n",
    }

    found = read(files)

    assert "django" in found.packages
    assert codes(found) == {"requirements-include-missing": "warning"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(read: Read, encoding: str) -> None:
    found = read({"requirements.txt": "Django==4.2\r\nPillow==10.0.0\r\n".encode(encoding)})

    assert found.packages == {"django", "pillow"}
    assert codes(found) == {"requirements-utf16": "note"}


@pytest.mark.parametrize(
    ("line", "code", "level"),
    [
        ("pywin32==306", "requirements-foreign", "warning"),
        ("-e .", "requirements-local-path", "warning"),
        ("six @ file:///C:/ci/six", "requirements-local-path", "warning"),
        ("git+https://github.com/owner/thing.git", "requirements-repository", "note"),
        ("git+ssh://git@github.com/owner/thing.git", "requirements-private-repository", "error"),
        ("asgiref=3.7", "requirements-syntax", "error"),
        ("Package    Version", "requirements-syntax", "error"),
        ("pytz>=dev-build-x", "requirements-syntax", "warning"),
        ("python-ldap==3.4", "system-headers-missing", "warning"),
        ("gunicorn==19.9.0", "gunicorn-pinned", "note"),
    ],
)
def test_a_line_is_judged_where_it_stands(read: Read, line: str, code: str, level: str) -> None:
    found = read({"requirements.txt": f"Django==4.2\n{line}\n"})

    assert [(item.code, item.level, item.line) for item in found.findings] == [(code, level, 2)]


@pytest.mark.parametrize(
    "line", ["pywin32 ; sys_platform == 'win32'", "gunicorn==23.0", "psycopg2==2.9.9", "Pillow"]
)
def test_a_line_may_be_fine(read: Read, line: str) -> None:
    assert read({"requirements.txt": f"Django==4.2\n{line}\n"}).findings == ()


def test_lines_that_are_broken_are_told_once_a_file(read: Read) -> None:
    found = read({"requirements.txt": "<<<<<<< HEAD\nDjango==4.2\n=======\nDjango==5\n>>>>>>> main\n"})

    assert [(item.code, item.line) for item in found.findings] == [("requirements-syntax", 1)]
    assert "2 more lines" in found.findings[0].message


def test_a_package_of_the_repository_is_fine(read: Read) -> None:
    assert read({"requirements.txt": "Django==4.2\n-e ./lib\n", "lib/setup.py": ""}).findings == ()


def test_requirements_that_markers_exclude(read: Read) -> None:
    found = read({"requirements.txt": "Django==4.2 ; python_version < '3.9'\n"})

    assert codes(found) == {"requirements-excluded": "error"}


def test_no_requirements(read: Read) -> None:
    assert codes(read({"shop/manage.py": ""})) == {"requirements-missing": "warning"}


def test_pyproject(read: Read) -> None:
    found = read({"pyproject.toml": '[project]\nrequires-python = ">=3.10"\ndependencies = ["Django>=5"]\n'})

    assert sources(found) == [("pyproject", "pyproject.toml")]
    assert found.python == ""


def test_uv(read: Read) -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["Django"]\n',
        "uv.lock": '[[package]]\nname="django"\nversion="6.0.1"\n[[package]]\nname="celery"\nversion="5.4"\n',
    }

    found = read(files)

    assert sources(found) == [("uv", "pyproject.toml")]
    assert "celery" in found.packages
    assert found.python == "==3.12.*"


def test_poetry(read: Read) -> None:
    text = '[tool.poetry.dependencies]\npython = "^3.9"\ndjango = "^4.2"\nthing = {git = "https://github.com/a/b"}\n'

    found = read({"shop/pyproject.toml": text})

    assert sources(found) == [("poetry", "shop/pyproject.toml")]
    assert codes(found) == {"requirements-converted": "note", "requirements-repository": "note"}


def test_pipfile(read: Read) -> None:
    found = read(
        {"Pipfile": '[packages]\ndjango = "==3.2"\nrequests = "*"\n[requires]\npython_version = "3.8"\n'}
    )

    assert sources(found) == [("pipfile", "Pipfile")]
    assert found.python == "==3.8.*"


def test_a_pyproject_of_tools_alone_hides_nothing(read: Read) -> None:
    found = read({"pyproject.toml": "[tool.black]\n", "Pipfile": '[packages]\ndjango = "*"\n'})

    assert sources(found) == [("pipfile", "Pipfile")]


@pytest.mark.parametrize("text", ["[project", "project = 1\n[project]", "a = " + "[" * 5_000])
def test_a_project_file_that_cannot_be_read(read: Read, text: str) -> None:
    found = read({"pyproject.toml": text})

    assert found.sources == ()
    assert codes(found)["project-file-invalid"] == "error"


@pytest.mark.parametrize("text", ["project = 1", "[project]\ndependencies = 3", "[tool]\npoetry = []"])
def test_a_project_file_of_another_shape_lists_nothing(read: Read, text: str) -> None:
    assert codes(read({"pyproject.toml": text})) == {"requirements-missing": "warning"}


@pytest.mark.parametrize(
    ("django", "downloads", "python", "code", "level"),
    [
        ("6.0", True, "==3.12.*", "python-other", "note"),
        ("6.0", False, "", "django-too-new", "error"),
        ("2.0.1", True, "==3.9.*", "python-other", "note"),
        ("2.0.1", False, "", "django-too-old", "error"),
    ],
)
def test_django_decides_the_python(
    read: Read, django: str, downloads: bool, python: str, code: str, level: str
) -> None:
    found = read({"requirements.txt": f"Django=={django}\n"}, downloads=downloads)

    assert found.python == python
    assert codes(found) == {code: level}


def test_a_python_that_is_asked_for_is_fetched(read: Read) -> None:
    found = read({"requirements.txt": "Django==4.2\n", "shop/runtime.txt": "python-3.9.6\n"})

    assert found.python == "==3.9.*"
    assert found.findings[0].path == "shop/runtime.txt"


def test_a_python_that_nobody_has_is_told(read: Read) -> None:
    found = read({"requirements.txt": "Django==3.2\n", "runtime.txt": "python-3.6.1\n"})

    assert found.python == ""
    assert codes(found) == {"python-unavailable": "warning"}


def test_pinned_wheels_decide_the_python(read: Read) -> None:
    found = read({"requirements.txt": "Django==3.2\nnumpy==1.20.1\n"})

    assert found.python == "==3.9.*"


def test_the_machine_leaves_out_the_same_packages() -> None:
    assert distributions.FOREIGN == requirement_lines.FOREIGN

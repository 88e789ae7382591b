import pytest
from ecdeployer.preflight import python_versions
from ecdeployer.preflight.requirement_lines import Line, parse
from packaging.specifiers import SpecifierSet


def line(text: str) -> Line:
    (found,) = parse(text, path="requirements.txt", python="3.11")
    return found


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("python-3.9.6", "==3.9.*"),
        ("3.12", "==3.12.*"),
        ("# a comment\ncpython@3.10\n", "==3.10.*"),
        ("\ufeffpython-3.8.12\n", "==3.8.*"),
    ],
)
def test_a_version_file_names_a_minor_version(text: str, specifier: str) -> None:
    wish = python_versions.parse_wish(text, path="runtime.txt")

    assert wish is not None
    assert str(wish.specifier) == specifier


@pytest.mark.parametrize("text", ["", "myenv", "pypy3.9", "3", "system"])
def test_a_version_file_may_name_none(text: str) -> None:
    assert python_versions.parse_wish(text, path=".python-version") is None


@pytest.mark.parametrize(
    ("poetry", "specifier"),
    [
        ("^3.8", ">=3.8,<4"),
        ("~3.9", ">=3.9,<3.10"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("3.11", "==3.11.*"),
        ("1.2.3", "==1.2.3"),
        (">=3.8, <4", ">=3.8,<4"),
        ("*", ""),
        ("^2.7 || ^3.6", ">=3.6,<4"),
    ],
)
def test_poetrys_constraints_are_put_as_specifiers(poetry: str, specifier: str) -> None:
    assert python_versions.pep440(poetry) == specifier


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("Django==6.0.1", (3, 12), (3, 99)),
        ("Django==1.11.29", (3, 4), (3, 8)),
        ("Django==2.1", (3, 5), (3, 10)),
        ("Django>=3.2,<4", (3, 6), (3, 11)),
        ("Django", (3, 2), (3, 99)),
        ("Django>=99", (3, 0), (3, 99)),
    ],
)
def test_django_runs_on_some_pythons(text: str, first: tuple[int, int], last: tuple[int, int]) -> None:
    assert python_versions.django_range(line(text)) == (first, last)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("numpy==1.19.2", (3, 8)),
        ("numpy==1.21.1", (3, 9)),
        ("numpy==1.26.0", (3, 99)),
        ("grpcio==1.35.2", (3, 9)),
    ],
)
def test_wheels_end_at_some_python(text: str, last: tuple[int, int]) -> None:
    assert python_versions.compiled_range([line(text)])[1] == last


def test_the_machines_own_python_is_preferred() -> None:
    assert python_versions.choose([SpecifierSet(">=3.8")], machine=(3, 11)) == (3, 11)


def test_the_nearest_python_that_fits_is_chosen() -> None:
    assert python_versions.choose([SpecifierSet("<3.10")], machine=(3, 11)) == (3, 9)
    assert python_versions.choose([SpecifierSet(">=3.12")], machine=(3, 11)) == (3, 12)
    assert python_versions.choose([SpecifierSet("<3.7")], machine=(3, 11)) is None

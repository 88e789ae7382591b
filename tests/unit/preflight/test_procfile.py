"""The Procfile, as people write it and as nobody should."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight import procfile
from ecdeployer.preflight.procfile import LONGEST, PROCESSES, Procfile, Web
from ecdeployer.preflight.tree import Tree

from tests.unit.hostile.corpus import CORPUS

Plant = Callable[[Mapping[str, str | bytes]], Path]
FILES = {
    "mysite/manage.py": "",
    "mysite/mysite/__init__.py": "",
    "mysite/mysite/wsgi.py": "",
    "mysite/mysite/asgi.py": "",
}


def read(plant: Plant, text: str | bytes, path: str = "Procfile") -> Procfile:
    return procfile.read(Tree(plant({**FILES, path: text})), directory="mysite")


def test_no_procfile_says_nothing(plant: Plant) -> None:
    assert procfile.read(Tree(plant(FILES)), directory="mysite") == Procfile()


@pytest.mark.parametrize("path", ["Procfile", "mysite/Procfile"])
def test_web_and_release_stand_apart_from_what_runs_beside_the_site(plant: Plant, path: str) -> None:
    text = (
        "# what runs\r\n\r\nweb: gunicorn mysite.wsgi --log-file -\r\n"
        "worker:celery -A mysite worker -l INFO\r\nclock_1:\tpython manage.py tick && echo 'a: b'\r\n"
        "release: python manage.py seed"
    )
    found = read(plant, text, path)
    assert found.path == path
    assert found.processes == (
        ("worker", "celery -A mysite worker -l INFO"),
        ("clock_1", "python manage.py tick && echo 'a: b'"),
    )
    assert found.release == "python manage.py seed"
    assert found.web == Web(is_known=True, interface="wsgi", module="mysite.wsgi")
    assert [(each.code, each.level) for each in found.findings] == [
        ("procfile-web", "note"),
        ("procfile-processes", "note"),
    ]
    assert "worker and clock_1 of the Procfile run beside" in found.findings[1].message


def test_the_root_goes_before_the_project_directory(plant: Plant) -> None:
    root = plant({**FILES, "Procfile": "a: x", "mysite/Procfile": "b: y"})
    assert procfile.read(Tree(root), directory="mysite").processes == (("a", "x"),)


@pytest.mark.parametrize(
    ("line", "interface", "module"),
    [
        ("gunicorn mysite.wsgi:application --workers 3", "wsgi", "mysite.wsgi"),
        ("gunicorn --chdir mysite --bind 0.0.0.0:$PORT mysite.wsgi", "wsgi", "mysite.wsgi"),
        ("cd mysite && gunicorn mysite.wsgi", "wsgi", "mysite.wsgi"),
        ("gunicorn mysite.mysite.wsgi", "wsgi", "mysite.wsgi"),
        (
            "python -m gunicorn mysite.asgi:application -k uvicorn.workers.UvicornWorker",
            "asgi",
            "mysite.asgi",
        ),
        ("uvicorn mysite.asgi:application --host 0.0.0.0", "asgi", "mysite.asgi"),
        ("daphne -p $PORT mysite.asgi:application", "asgi", "mysite.asgi"),
        ("hypercorn mysite.asgi", "asgi", "mysite.asgi"),
        ("waitress-serve --port=$PORT mysite.wsgi:application", "wsgi", "mysite.wsgi"),
        ("python manage.py runserver 0.0.0.0:$PORT", "", ""),
        ("gunicorn mysite.wsgi:app", "", ""),
        ("gunicorn elsewhere.wsgi", "", ""),
        ("gunicorn 'unclosed mysite.wsgi", "wsgi", "mysite.wsgi"),
    ],
)
def test_the_web_line_says_how_the_site_is_served(
    plant: Plant, line: str, interface: str, module: str
) -> None:
    found = read(plant, f"web: {line}")
    assert found.web == Web(is_known=True, interface=interface, module=module)
    assert found.processes == ()
    [note] = found.findings
    assert (note.code, note.level) == ("procfile-web", "note")


def test_another_language_at_the_web_is_told(plant: Plant) -> None:
    found = read(plant, "web: node server.js")
    assert found.web == Web(is_known=False)
    assert [(each.code, each.level) for each in found.findings] == [("procfile-web", "warning")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("worker celery", "does not begin with a name"),
        (": celery", "does not begin with a name"),
        ("-a b: celery", "does not begin with a name"),
        ("wörker: x", "does not begin with a name"),
        ("w\u0430rker: x", "does not begin with a name"),
        ("../x: y", "does not begin with a name"),
        ("a;id: y", "does not begin with a name"),
        ("a" * 41 + ": x", "does not begin with a name"),
        ("worker:", "says nothing"),
        ("worker:  \t", "says nothing"),
        ("worker: a\x1bb", "control character"),
        ("worker: a\u202eb", "control character"),
        ("worker: a\rb", "control character"),
        ("worker: " + "x" * (LONGEST + 1), "at most 1,000"),
    ],
)
def test_a_line_that_is_none_is_not_run_and_said_so(plant: Plant, text: str, why: str) -> None:
    found = read(plant, f"good: yes\n{text}\n")
    assert found.processes == (("good", "yes"),)
    [refused] = [each for each in found.findings if each.code == "procfile-line"]
    assert (refused.level, refused.line, refused.path) == ("warning", 2, "Procfile")
    assert why in refused.message


def test_a_procfile_that_is_no_text_is_told(plant: Plant) -> None:
    found = read(plant, b"worker: a\0b")
    assert (found.path, found.processes) == ("Procfile", ())
    assert [each.code for each in found.findings] == ["procfile-line"]


def test_the_first_of_two_counts(plant: Plant) -> None:
    found = read(plant, "a: 1\na: 2\n")
    assert found.processes == (("a", "1"),)
    assert "a is there twice" in found.findings[0].message


def test_lines_are_bounded_in_number_and_together(plant: Plant) -> None:
    found = read(plant, "".join(f"p{number}: x\n" for number in range(1000)))
    assert len(found.processes) == PROCESSES
    assert len([each for each in found.findings if each.code == "procfile-line"]) == PROCESSES
    long = read(plant, "".join(f"p{number}: {'x' * LONGEST}\n" for number in range(10)))
    assert len(long.processes) == 6


@pytest.mark.parametrize("text", CORPUS["everywhere"])
def test_hostile_text_is_a_finding_or_a_command_and_nothing_else(plant: Plant, text: str) -> None:
    """As a name, as a line, as a whole file; a command is kept as it is: the site's own user runs it."""
    raw = text.encode("utf-8", "replace")
    for content in (raw, b"worker: " + raw, raw + b": x"):
        found = read(plant, content)
        for name, line in (*found.processes, ("release", found.release or "x")):
            assert procfile.NAME.fullmatch(name)
            assert line.isprintable()
            assert len(line) <= LONGEST
        for each in found.findings:
            assert each.message.isprintable()
            assert len(each.message) < 300

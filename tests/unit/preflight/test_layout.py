from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight import layout
from ecdeployer.preflight.facts import ReadOptions
from ecdeployer.preflight.tree import Tree

Plant = Callable[[Mapping[str, str | bytes]], Path]
RULE = ReadOptions(machine_python="3.11", python_downloads=True)
ROOT = ReadOptions(machine_python="3.11", python_downloads=True, allow_root_manage=True)
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"


def read(root: Path, *, name: str = "mysite", options: ReadOptions = RULE) -> layout.Layout:
    return layout.read(Tree(root), project_name=name, options=options)


def test_a_direct_child_that_holds_manage_is_the_project(plant: Plant) -> None:
    assert read(plant({"mysite/manage.py": MANAGE})) == layout.Layout(directory="mysite", findings=())


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        (["shop/manage.py"], "project-name-unknown", "There is no mysite. shop holds one."),
        (["mysite/x.py", "shop/manage.py"], "project-name-unknown", "mysite holds no manage.py. shop"),
        (["a/manage.py", "b/manage.py"], "project-name-unknown", "a, b hold one."),
        (["manage.py", "mysite/wsgi.py"], "layout-at-root", "stands at the root"),
        (["app/mysite/manage.py"], "layout-too-deep", "manage.py is in app/mysite"),
        (["mysite/x.py"], "manage-missing", "mysite holds no manage.py"),
        (["x.py"], "manage-missing", "No directory"),
        ([".venv/manage.py", "node_modules/x/manage.py"], "manage-missing", "No directory"),
    ],
)
def test_what_is_there_instead_is_named(plant: Plant, files: list[str], code: str, words: str) -> None:
    found = read(plant(dict.fromkeys(files, MANAGE)))
    assert found.directory == ""
    [finding] = found.findings
    assert (finding.code, finding.level) == (code, "error")
    assert words in finding.message
    assert finding.remedy


def test_the_remedy_names_what_to_enter_or_to_move(plant: Plant) -> None:
    assert read(plant({"MySite/manage.py": MANAGE, "a/manage.py": MANAGE})).findings[0].remedy == (
        "Enter MySite as the project name."
    )


def test_another_program_named_manage_is_not_djangos(plant: Plant) -> None:
    assert read(plant({"mysite/manage.py": "print(1)"})).findings[0].code == "manage-missing"


def test_an_operator_may_accept_manage_at_the_root(plant: Plant) -> None:
    root = plant({"manage.py": MANAGE, "mysite/wsgi.py": ""})
    assert read(root, options=ROOT).directory == "."


def test_several_projects_are_noted(plant: Plant) -> None:
    found = read(plant({"mysite/manage.py": MANAGE, "shop/manage.py": MANAGE, "manage.py": MANAGE}))
    assert found.directory == "mysite"
    assert [(each.code, each.level) for each in found.findings] == [("several-projects", "note")]
    assert "the root, shop" in found.findings[0].message

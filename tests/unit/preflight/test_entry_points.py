from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight import entry_points, settings_choice, version_control
from ecdeployer.preflight.tree import Tree

Plant = Callable[[Mapping[str, str | bytes]], Path]
IMPORT = "import os\n"
PYTHON_2 = "print 'x'\n"


@pytest.mark.parametrize(
    ("text", "module", "forced"),
    [
        ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.b')", "a.b", False),
        ("os.environ.setdefault(key='DJANGO_SETTINGS_MODULE', value='a.b')", "a.b", False),
        ("m = 'a.b'\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', m)", "a.b", False),
        (
            (
                "m = 'a.live' if 'RENDER' in os.environ else 'a.b'\n"
                "os.environ.setdefault('DJANGO_SETTINGS_MODULE', m)"
            ),
            "a.b",
            False,
        ),
        ("os.environ['DJANGO_SETTINGS_MODULE'] = 'a.b'", "a.b", True),
        (
            "os.environ['DJANGO_SETTINGS_MODULE'] = os.environ.get('DJANGO_SETTINGS_MODULE', 'a.b')",
            "a.b",
            False,
        ),
        ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', f'a.{x}')", "", False),
        ("os.environ.setdefault('OTHER', 'a.b')", "", False),
        ("m = m", "", False),
    ],
)
def test_the_settings_module_that_a_file_names(plant: Plant, text: str, module: str, forced: bool) -> None:
    entry = entry_points.read(Tree(plant({"wsgi.py": IMPORT + text})), "wsgi.py")
    assert entry is not None
    assert (entry.settings, entry.forced, entry.problem) == (module, forced, "")


def test_a_file_that_is_no_python_says_where(plant: Plant) -> None:
    entry = entry_points.read(Tree(plant({"wsgi.py": IMPORT + PYTHON_2})), "wsgi.py")
    assert entry is not None
    assert entry.line == 2
    assert entry.problem


def test_code_nested_beyond_the_parser_is_a_problem_and_no_crash(plant: Plant) -> None:
    entry = entry_points.read(Tree(plant({"wsgi.py": "(" * 5000})), "wsgi.py")
    assert entry is not None
    assert entry.problem


def test_settings_under_another_folders_name_are_on_offer(plant: Plant) -> None:
    tree = Tree(
        plant(
            {
                "src/config/django/base.py": "INSTALLED_APPS = []\n",
                "src/config/django/live.py": "from .base import *\n",
                "src/config/django/local.py": "from .base import *\n",
                "src/config/django/words.py": "x = 1\n",
                "src/other.py": "from x import *\n",
            }
        )
    )
    choice = settings_choice.choose(tree, directory="src", chosen="", entries=[])
    assert choice.candidates == ("config.django.live", "config.django.local")
    assert [finding.code for finding in choice.findings] == ["settings-module-ambiguous"]


@pytest.mark.parametrize(
    ("models", "missing"),
    [
        ("class A(models.Model):\n    x = 1\n", True),
        ("class A(models.Model):\n    class Meta:\n        abstract = True\n", False),
        ("class A(models.Model):\n    class Meta:\n        managed = False\n", False),
        (
            (
                "class A(models.Model):\n    class Meta:\n        abstract = True\n\n\n"
                "class B(models.Model):\n    y = 1\n"
            ),
            True,
        ),
        ("class A:\n    pass\n", False),
    ],
)
def test_only_models_with_tables_need_migrations(plant: Plant, models: str, missing: bool) -> None:
    found = version_control.read(Tree(plant({"mysite/shop/models.py": models})), directory="mysite")
    assert ("migrations-missing" in [finding.code for finding in found]) is missing

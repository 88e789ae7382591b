"""Whole trees, read as the portal reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight import reading, sandbox
from ecdeployer.preflight.reading import ReadOptions, Report

MANAGE = (
    'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}")\n'
    "from django.core.management import execute_from_command_line\n"
)
WSGI = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}")\n'
SETTINGS = (
    'SECRET_KEY = "x" * 50\nDEBUG = False\nALLOWED_HOSTS = ["*"]\n'
    'ROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = []\n'
)
PLAIN = {
    "requirements.txt": "django~=5.2.0\n",
    "shop/manage.py": MANAGE.format("shop.settings"),
    "shop/shop/__init__.py": "",
    "shop/shop/settings.py": SETTINGS,
    "shop/shop/urls.py": "urlpatterns = []\n",
    "shop/shop/wsgi.py": WSGI.format("shop.settings"),
}
OPTIONS = ReadOptions(machine_python="3.11", python_downloads=False)
Files = Mapping[str, str | bytes | None]
Read = Callable[..., Report]


def write(root: Path, files: Files) -> None:
    for path, content in files.items():
        if content is not None:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads the plain project with these files laid over it; None leaves one out."""

    def of(
        files: Files | None = None,
        *,
        project_name: str = "shop",
        options: ReadOptions = OPTIONS,
        **given: str,
    ) -> Report:
        write(tmp_path, {**PLAIN, **(files or {})})
        return reading.read(tmp_path, project_name=project_name, environment=(), options=options, **given)

    return of


@pytest.fixture
def read_only(tmp_path: Path) -> Read:
    """Reads these files and no others."""

    def of(files: Files, *, project_name: str = "shop", options: ReadOptions = OPTIONS) -> Report:
        write(tmp_path, files)
        return reading.read(tmp_path, project_name=project_name, environment=(), options=options)

    return of


def codes(report: Report, *levels: str) -> list[str]:
    return [found.code for found in report.findings if not levels or found.level in levels]


def inside(folder: str, files: Files = PLAIN) -> dict[str, str | bytes | None]:
    return {f"{folder}/{path}": content for path, content in files.items()}


def at_root() -> dict[str, str | bytes | None]:
    return {path.removeprefix("shop/"): content for path, content in PLAIN.items()}


def test_a_project_that_obeys_the_rule(read: Read) -> None:
    report = read()
    assert codes(report, "error") == []
    facts = report.facts
    assert facts
    assert (facts.project_directory, facts.settings_module, facts.wsgi_module) == (
        "shop",
        "shop.settings",
        "shop.wsgi",
    )
    assert (facts.interface, facts.python) == ("wsgi", "")


# --- the layout rule


def test_another_name_is_answered_with_those_that_exist(read: Read) -> None:
    report = read({"blog/manage.py": MANAGE.format("blog.settings")}, project_name="store")
    assert codes(report) == ["project-name-unknown"]
    assert "blog, shop" in report.findings[0].message
    assert report.facts is None


def test_a_name_in_other_letters_is_answered_with_the_right_one(read: Read) -> None:
    report = read({"blog/manage.py": MANAGE.format("blog.settings")}, project_name="Shop")
    assert report.findings[0].remedy == "Enter shop as the project name."


def test_manage_at_the_root_is_said_with_what_to_move(read_only: Read) -> None:
    report = read_only(at_root())
    assert codes(report) == ["layout-at-root"]
    assert "directory shop" in report.findings[0].remedy


def test_an_operator_may_accept_it(read_only: Read) -> None:
    accepted = ReadOptions(machine_python="3.11", python_downloads=False, allow_root_manage=True)
    report = read_only(at_root(), options=accepted)
    assert codes(report, "error") == []
    assert report.facts
    assert report.facts.project_directory == "."


def test_manage_too_deep_is_said_with_what_to_move(read_only: Read) -> None:
    report = read_only(inside("src"))
    assert codes(report) == ["layout-too-deep"]
    assert "src/shop" in report.findings[0].remedy


def test_no_manage_at_all(read_only: Read) -> None:
    assert codes(read_only({"README": "nothing"})) == ["manage-missing"]


def test_a_manage_that_is_not_djangos_is_none(read_only: Read) -> None:
    assert codes(read_only({"shop/manage.py": "from flask_script import Manager\n"})) == ["manage-missing"]


def test_a_virtual_environment_holds_no_project(read_only: Read) -> None:
    deep = inside("shop/venv/lib/site-packages")
    assert codes(read_only({**PLAIN, **deep}, project_name="shop"), "error") == []


def test_two_projects_are_mentioned(read: Read) -> None:
    assert "several-projects" in codes(read({"blog/manage.py": MANAGE.format("blog.settings")}), "note")


# --- the settings module


def test_the_package_may_have_another_name(read_only: Read) -> None:
    files = {path.replace("shop/shop", "shop/config"): content for path, content in PLAIN.items()}
    files |= {
        "shop/manage.py": MANAGE.format("config.settings"),
        "shop/config/wsgi.py": WSGI.format("config.settings"),
        "shop/config/settings.py": SETTINGS.replace("shop.", "config."),
    }
    report = read_only(files)
    assert codes(report, "error") == []
    assert report.facts
    assert (report.facts.settings_module, report.facts.wsgi_module) == ("config.settings", "config.wsgi")


def test_what_the_server_names_goes_before_what_manage_names(read: Read) -> None:
    report = read(
        {
            "shop/shop/settings_live.py": SETTINGS,
            "shop/shop/wsgi.py": WSGI.format("shop.settings_live"),
        }
    )
    assert report.facts
    assert report.facts.settings_module == "shop.settings_live"
    assert "settings-modules-differ" in codes(report, "note")


def test_what_the_developer_chose_goes_before_all(read: Read) -> None:
    report = read({"shop/shop/settings_live.py": SETTINGS}, settings_module="shop.settings_live")
    assert report.facts
    assert report.facts.settings_module == "shop.settings_live"


def test_a_choice_that_is_not_there_is_said_with_those_that_are(read: Read) -> None:
    report = read(settings_module="shop.nothing")
    assert "settings-module-missing" in codes(report, "error")
    assert report.facts
    assert report.facts.settings_candidates == ("shop.settings",)


def test_an_empty_package_of_settings_is_asked_about(read: Read) -> None:
    report = read(
        {
            "shop/shop/settings.py": b"",
            "shop/shop/settings/__init__.py": "# choose one\n",
            "shop/shop/settings/base.py": SETTINGS,
            "shop/shop/settings/live.py": "from .base import *\n",
            "shop/shop/settings/local.py": "from .base import *\n",
        }
    )
    # A package of the same name stands before the module in Python too; here the module is empty besides.
    assert report.facts
    assert set(report.facts.settings_candidates) == {"shop.settings.live", "shop.settings.local"}


def test_several_settings_modules_are_on_offer(read_only: Read) -> None:
    files: dict[str, str | bytes | None] = {**PLAIN, "shop/shop/settings.py": None}
    files |= {f"shop/shop/settings/{name}.py": "from .base import *\n" for name in ("live", "local")}
    files |= {"shop/shop/settings/base.py": SETTINGS, "shop/shop/settings/__init__.py": ""}
    report = read_only(files)
    assert codes(report, "error") == ["settings-module-ambiguous"]
    assert report.facts
    assert report.facts.settings_module == ""


def test_the_only_one_is_taken_when_the_named_one_is_absent(read_only: Read) -> None:
    files = {**PLAIN, "shop/shop/settings.py": None, "shop/shop/settings_live.py": SETTINGS}
    report = read_only(files)
    assert "settings-module-assumed" in codes(report, "warning")
    assert report.facts
    assert report.facts.settings_module == "shop.settings_live"


def test_settings_that_are_not_in_the_repository(read_only: Read) -> None:
    report = read_only({**PLAIN, "shop/shop/settings.py": None})
    assert codes(report, "error") == ["settings-module-missing"]


def test_a_module_set_by_force_is_mentioned(read: Read) -> None:
    forced = 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"\n'
    assert "settings-module-forced" in codes(read({"shop/shop/wsgi.py": forced}), "note")


def test_the_environments_default_is_read(read: Read) -> None:
    name = '"DJANGO_SETTINGS_MODULE"'
    asks = f'import os\nos.environ[{name}] = os.environ.get({name}, "shop.settings")\n'
    report = read({"shop/shop/wsgi.py": asks})
    assert "settings-module-forced" not in codes(report)
    assert report.facts
    assert report.facts.settings_module == "shop.settings"


# --- what serves the site


def test_asgi_alone(read_only: Read) -> None:
    files = {**PLAIN, "shop/shop/wsgi.py": None, "shop/shop/asgi.py": WSGI.format("shop.settings")}
    report = read_only(files)
    assert "asgi-only" in codes(report, "note")
    assert report.facts
    assert (report.facts.interface, report.facts.asgi_module) == ("asgi", "shop.asgi")


def test_channels_are_served_by_asgi(read: Read) -> None:
    report = read(
        {
            "requirements.txt": "django~=5.2.0\nchannels\n",
            "shop/shop/asgi.py": WSGI.format("shop.settings"),
            "shop/shop/settings.py": SETTINGS.replace("[]", '["channels"]'),
        }
    )
    assert report.facts
    assert report.facts.interface == "asgi"


def test_neither(read_only: Read) -> None:
    assert "wsgi-missing" in codes(read_only({**PLAIN, "shop/shop/wsgi.py": None}), "error")


def test_python_of_another_age_is_an_error_where_the_site_imports_it(read: Read) -> None:
    report = read({"shop/shop/urls.py": "print 'hello'\n", "shop/scripts/old.py": "print 'hello'\n"})
    (found,) = [each for each in report.findings if each.code == "python-syntax"]
    assert (found.level, found.path, found.line) == ("error", "shop/shop/urls.py", 1)


def test_urls_that_are_absent(read: Read) -> None:
    settings = SETTINGS.replace("shop.urls", "shop.routes")
    assert "urls-missing" in codes(read({"shop/shop/settings.py": settings}), "error")


# --- what version control carries


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({".gitmodules": '[submodule "x"]\n\tpath = shop/x\n\turl = https://example.com/x\n'}, "submodule"),
        ({"env/pyvenv.cfg": "home = /usr/bin\n"}, "virtual-environment"),
        ({"shop/db.sqlite3": b"SQLite format 3\0" + bytes(84)}, "sqlite-committed"),
        ({"shop/Static.css": "a", "shop/static.css": "b"}, "names-differ-in-case"),
        (
            {
                ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n",
                "shop/logo.png": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            },
            "lfs-pointer",
        ),
        ({"shop/cart/models.py": "class Cart(models.Model):\n    pass\n"}, "migrations-missing"),
    ],
)
def test_what_a_repository_carries_is_mentioned(read: Read, files: Files, code: str) -> None:
    report = read(files)
    assert code in codes(report)
    assert codes(report, "error") == []


@pytest.mark.parametrize(
    "files",
    [
        {"shop/notes.db": "not a database"},
        {"shop/cart/models.py": "from django.db import models\n"},
        {
            "shop/cart/models.py": "class Cart(models.Model):\n    pass\n",
            "shop/cart/migrations/0001_initial.py": "",
        },
        {"shop/logo.png": "version https://git-lfs.github.com/spec/v1\n"},
    ],
)
def test_what_only_looks_like_it_is_not(read: Read, files: Files) -> None:
    mentioned = {"sqlite-committed", "migrations-missing", "lfs-pointer"}
    assert not mentioned & set(codes(read(files)))


def test_migrations_that_git_ignores_are_said_so(read: Read) -> None:
    files = {".gitignore": "*/migrations/\n", "shop/cart/models.py": "class Cart(models.Model):\n    pass\n"}
    (found,) = [each for each in read(files).findings if each.code == "migrations-missing"]
    assert ".gitignore" in found.message


def test_a_link_out_of_the_repository_is_not_followed(read: Read, tmp_path: Path) -> None:
    outside = tmp_path.parent / "secret.py"
    outside.write_text(SETTINGS)
    (tmp_path / "shop/shop").mkdir(parents=True)
    (tmp_path / "shop/shop/settings_live.py").symlink_to(outside)
    report = read(settings_module="shop.settings_live")
    assert "link-outside" in codes(report, "warning")
    assert "settings-module-missing" in codes(report, "error")


def test_names_of_an_example_are_kept_for_the_page(read: Read) -> None:
    report = read({".env.example": "# comment\nAPI_KEY=\nexport MODE=live\n"})
    assert report.facts
    assert report.facts.environment_examples == ("API_KEY", "MODE")


# --- in the bounded child


def test_the_child_reads_the_same(tmp_path: Path) -> None:
    write(tmp_path, PLAIN)
    given = {"project_name": "shop", "environment": ["A"], "options": OPTIONS}
    assert sandbox.read_in_child(tmp_path, **given) == reading.read(tmp_path, **given)  # type: ignore[arg-type]


def test_a_reader_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, PLAIN)
    monkeypatch.setattr(sandbox, "SECONDS", 0.01)
    with pytest.raises(sandbox.ReadingError, match="more than"):
        sandbox.read_in_child(tmp_path, project_name="shop", environment=[], options=OPTIONS)


def test_a_reader_that_meets_its_limit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, PLAIN)
    monkeypatch.setitem(sandbox._LIMITS, "--as", 20 * 2**20)
    with pytest.raises(sandbox.ReadingError, match="ended with"):
        sandbox.read_in_child(tmp_path, project_name="shop", environment=[], options=OPTIONS)

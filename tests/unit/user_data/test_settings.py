"""The release's settings over settings that people write, each in a process of its own as on a machine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "user_data"
PRINT = """\
import json, ecdeployer_settings as settings
found = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
print(json.dumps([found, settings.changes], default=str))
"""
HASHED = "whitenoise.storage.CompressedManifestStaticFilesStorage"
Read = Callable[..., tuple[dict[str, Any], dict[str, dict[str, str]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The settings of a text, and what was changed by setting."""

    def run(
        text: str, given: dict[str, str] | None = None, module: str = "project", **overlay: Any
    ) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / f"{module}.py").write_text(text)
        given = given or {}
        document = {
            "settings_module": module,
            "placeholders": [],
            "given": sorted(given),
            "home": str(tmp_path),
            "addresses": ["203.0.113.7"],
            "services": [],
            "database": "",
            **overlay,
        }
        environment = {
            "PYTHONPATH": f"{SCRIPTS}:{source}",
            "ECDEPLOYER_OVERLAY": json.dumps(document),
            "ECDEPLOYER_SECRET_KEY": "ours",
            **dict(document["placeholders"]),
            **given,
        }
        done = subprocess.run(
            [sys.executable, "-c", PRINT],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        settings, changes = json.loads(done.stdout)
        return settings, {change["setting"]: change for change in changes}

    return run


def test_what_startproject_writes_is_made_fit_for_production(read: Read, tmp_path: Path) -> None:
    text = "SECRET_KEY = 'django-insecure'\nDEBUG = True\nALLOWED_HOSTS = []\nSTATIC_URL = 'static/'\n"
    settings, changes = read(text)
    assert settings["DEBUG"] is False
    assert settings["SECRET_KEY"] == "ours"
    assert "203.0.113.7" in settings["ALLOWED_HOSTS"]
    assert "http://203.0.113.7" in settings["CSRF_TRUSTED_ORIGINS"]
    assert settings["STATIC_ROOT"] == f"{tmp_path}/static"
    assert settings["MEDIA_ROOT"] == "/srv/ecdeployer/shared/media"
    assert changes["SECRET_KEY"]["to"] == "(secret)"
    assert all(change["why"] for change in changes.values())
    assert "django-insecure" not in json.dumps(changes)


@pytest.mark.parametrize("key", ["''", "None"])
def test_an_empty_secret_key_is_replaced(read: Read, key: str) -> None:
    settings, changes = read(f"SECRET_KEY = {key}\n")
    assert settings["SECRET_KEY"] == "ours"
    assert "It is empty." in changes["SECRET_KEY"]["why"]


def test_a_secret_key_that_the_developer_gives_stands(read: Read) -> None:
    settings, changes = read(
        "import os\nSECRET_KEY = os.environ['APP_KEY']\n", {"APP_KEY": "the developer's"}
    )
    assert settings["SECRET_KEY"] == "the developer's"
    assert "SECRET_KEY" not in changes


def test_a_secret_key_from_a_placeholder_is_none(read: Read) -> None:
    settings, _ = read(
        "import os\nSECRET_KEY = os.environ['APP_KEY']\n", placeholders=[["APP_KEY", "placeholder"]]
    )
    assert settings["SECRET_KEY"] == "ours"


def test_a_module_with_a_hyphen_is_imported(read: Read) -> None:
    assert read("DEBUG = True\nX = 1\n", module="my-settings")[0]["X"] == 1


def test_folders_of_static_files_that_are_not_there_are_left_out(read: Read, tmp_path: Path) -> None:
    there = tmp_path / "assets"
    there.mkdir()
    settings, changes = read(f"STATICFILES_DIRS = ['/gone', ('prefix', '{there}'), '{there}']\n")
    assert settings["STATICFILES_DIRS"] == [["prefix", str(there)], str(there)]
    assert "STATICFILES_DIRS" in changes


def test_a_project_may_import_from_the_repositorys_root(read: Read, tmp_path: Path) -> None:
    assert read("import sys\nLAST = sys.path[-1]\n")[0]["LAST"] == str(tmp_path / "source")


def test_origins_without_a_scheme_get_one(read: Read) -> None:
    found, _ = read("CSRF_TRUSTED_ORIGINS = ['example.com', 'http://a.example.com']\n")
    assert found["CSRF_TRUSTED_ORIGINS"][:2] == ["https://example.com", "http://a.example.com"]


@pytest.mark.parametrize(
    "text",
    [
        f"STATICFILES_STORAGE = {HASHED!r}\n",
        f"STORAGES = {{'staticfiles': {{'BACKEND': {HASHED!r}, 'OPTIONS': {{}}}}}}\n",
    ],
)
def test_a_page_that_names_a_missing_static_file_is_not_refused(read: Read, text: str) -> None:
    found, changes = read(text)
    assert found["ECDEPLOYER_STATIC_STORAGE"] == HASHED
    (changed,) = {"STORAGES", "STATICFILES_STORAGE"} & set(changes)
    expected: object = "ecdeployer_static.storage"
    if changed == "STORAGES":
        expected = {"BACKEND": expected, "OPTIONS": {}}
        found["STORAGES"] = found["STORAGES"]["staticfiles"]
    assert found[changed] == expected


def test_names_of_static_files_can_be_plain(read: Read) -> None:
    text = f"STORAGES = {{'staticfiles': {{'BACKEND': {HASHED!r}, 'OPTIONS': {{'manifest_name': 'x'}}}}}}\n"
    stored = read(text, plain_static=True)[0]["STORAGES"]["staticfiles"]
    assert stored == {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def test_storages_without_a_default_get_one(read: Read) -> None:
    found, _ = read("STORAGES = {'staticfiles': {'BACKEND': 'x.Storage'}}\n")
    assert found["STORAGES"]["default"]["BACKEND"].endswith("FileSystemStorage")
    assert found["STORAGES"]["staticfiles"]["BACKEND"] == "x.Storage"


def test_options_of_postgresql_are_not_given_to_sqlite(read: Read) -> None:
    options = {"sslmode": "require", "timeout": 20}
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "x", "OPTIONS": options}
    found, _ = read(f"DATABASES = {{'default': {database}}}")
    assert found["DATABASES"]["default"]["OPTIONS"] == {"timeout": 20}


def test_sqlite_files_live_outside_the_release(read: Read) -> None:
    text = """\
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
    "more": {"ENGINE": "django.db.backends.sqlite3", "NAME": "sub/db.sqlite3"},
    "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
"""
    databases = read(text)[0]["DATABASES"]
    assert databases["default"]["NAME"] == "/srv/ecdeployer/shared/data/db.sqlite3"
    assert databases["more"]["NAME"] == "/srv/ecdeployer/shared/data/more-db.sqlite3"
    assert databases["memory"]["NAME"] == ":memory:"


SERVER = 'DATABASES = {{"default": {{"ENGINE": "{}", "HOST": "{}", "NAME": "shop", "PASSWORD": "hidden"}}}}\n'


@pytest.mark.parametrize("host", ["db", "", "localhost", "127.0.0.1", "mysql", "shop_db"])
@pytest.mark.parametrize(
    ("engine", "overlay", "socket"),
    [
        ("django.db.backends.postgresql", {"services": ["postgresql"]}, "/run/postgresql"),
        ("django.contrib.gis.db.backends.postgis", {"services": ["postgresql"]}, "/run/postgresql"),
        ("django.db.backends.mysql", {"database": "mysql"}, "/run/mysqld/mysqld.sock"),
    ],
)
def test_a_database_server_on_the_machine(
    read: Read, engine: str, overlay: dict[str, Any], socket: str, host: str
) -> None:
    settings, changes = read(SERVER.format(engine, host), **overlay)
    default = settings["DATABASES"]["default"]
    assert (default["HOST"], default["NAME"], default["USER"], default["PASSWORD"]) == (
        socket,
        "site",
        "site",
        "",
    )
    assert "hidden" not in json.dumps(changes)


def test_a_database_server_elsewhere_is_left_alone(read: Read) -> None:
    settings, changes = read(SERVER.format("django.db.backends.mysql", "db.example.com"), database="mysql")
    assert settings["DATABASES"]["default"]["HOST"] == "db.example.com"
    assert "DATABASES" not in changes


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://u:p%40ss@h.example:5433/d?sslmode=require",
            {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": "h.example",
                "PASSWORD": "p@ss",
                "PORT": 5433,
            },
        ),
        ("mysql://u:p@h.example/d", {"ENGINE": "django.db.backends.mysql", "NAME": "d", "PORT": ""}),
    ],
)
def test_a_database_url_that_is_given_wins(read: Read, url: str, expected: dict[str, Any]) -> None:
    settings, changes = read(SERVER.format("django.db.backends.sqlite3", ""), {"DATABASE_URL": url})
    assert expected.items() <= settings["DATABASES"]["default"].items()
    assert "DATABASE_URL is given." in changes["DATABASES"]["why"]
    assert expected.get("PASSWORD", "p@ss") not in json.dumps(changes)


def test_redis_by_another_name_is_the_machines(read: Read) -> None:
    text = """\
CACHES = {"default": {"BACKEND": "x", "LOCATION": ["redis://redis:6379/1", "redis://cache.example:6379/1"]}}
CHANNEL_LAYERS = {"default": {"CONFIG": {"hosts": [("localhost", 6379)]}}}
CELERY_BROKER_URL = "redis://localhost:6379/0"
"""
    settings, _ = read(text, services=["redis"])
    assert settings["CACHES"]["default"]["LOCATION"] == [
        "redis://127.0.0.1:6379/1",
        "redis://cache.example:6379/1",
    ]
    assert settings["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == [["127.0.0.1", 6379]]
    assert read(text)[0]["CELERY_BROKER_URL"] == "redis://localhost:6379/0"


def test_behind_a_balancer_https_stays_as_the_project_has_it(read: Read) -> None:
    text = "SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = True\nSESSION_COOKIE_NAME = '__Host-session'\n"
    settings, changes = read(text, balanced=True)
    assert settings["SECURE_SSL_REDIRECT"] is settings["SESSION_COOKIE_SECURE"] is True
    assert settings["SESSION_COOKIE_NAME"] == "__Host-session"
    assert settings["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert "SECURE_SSL_REDIRECT" not in changes


def test_cookies_and_redirects_that_plain_http_cannot_have(read: Read) -> None:
    text = "SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = True\nSESSION_COOKIE_NAME = '__Host-session'\n"
    settings, changes = read(text + "SECURE_HSTS_SECONDS = 3600\nX_FRAME_OPTIONS = 'DENY'\n")
    assert settings["SECURE_SSL_REDIRECT"] is False
    assert settings["SESSION_COOKIE_NAME"] == "session"
    assert settings["SECURE_HSTS_SECONDS"] == 0
    assert "X_FRAME_OPTIONS" not in changes


def test_log_files_go_where_the_site_may_write(read: Read) -> None:
    text = 'LOGGING = {"version": 1, "handlers": {"f": {"class": "x", "filename": "/nowhere/app.log"}}}\n'
    settings, _ = read(text)
    assert settings["LOGGING"]["handlers"]["f"]["filename"] == "/srv/ecdeployer/shared/log/app.log"

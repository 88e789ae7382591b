from collections.abc import Callable
from pathlib import Path

import pytest
from ecdeployer.preflight import project_settings
from ecdeployer.preflight.project_settings import SettingsReading
from ecdeployer.preflight.tree import Tree

Read = Callable[..., SettingsReading]
HEAD = "import os\nSECRET_KEY = 'x'\nALLOWED_HOSTS = ['*']\nSTATIC_ROOT = 'static'\n"
HELPER = """import os
def get(name):
    try:
        return os.environ[name]
    except KeyError:
        raise ValueError(name)
X = get("TOKEN")
"""
FOLDERS = """BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STATICFILES_DIRS = [os.path.join(BASE_DIR, "gone")]
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_settings(
        text: str,
        *,
        environment: tuple[str, ...] = (),
        packages: tuple[str, ...] = ("django",),
        module: str = "shop.settings",
        **files: str,
    ) -> SettingsReading:
        for name, content in {"shop/settings.py": text, "shop/__init__.py": "", **files}.items():
            path = tmp_path / "shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return project_settings.read(
            Tree(tmp_path),
            project_directory="shop",
            module=module,
            environment=environment,
            packages=packages,
        )

    return read_settings


def codes(found: SettingsReading) -> dict[str, str]:
    return {item.code: item.level for item in found.findings}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import os\nX = os.environ['TOKEN']", "TOKEN"),
        ("from os import environ\nX = environ['TOKEN']", "TOKEN"),
        ("import os\nX = int(os.getenv('TOKEN'))", "TOKEN"),
        ("import os\nX = os.environ.get('TOKEN').split(',')", "TOKEN"),
        ("import os\nX = os.getenv('TOKEN')\nif not X:\n    raise ValueError('no')", "TOKEN"),
        ("from decouple import config\nX = config('TOKEN')", "TOKEN"),
        ("from decouple import config\nX = config('TOKEN', cast=bool)", "TOKEN"),
        ("import environ\nenv = environ.Env(OTHER=(bool, False))\nX = env('TOKEN')", "TOKEN"),
        ("import environ\nenv = environ.Env(TOKEN=bool)\nX = env.bool('TOKEN')", "TOKEN"),
        ("from environs import Env\nenv = Env()\nX = env.int('TOKEN')", "TOKEN"),
        (HELPER, "TOKEN"),
        ("import os\nif True:\n    X = {'a': [os.environ['TOKEN']]}", "TOKEN"),
        ("import os\ntry:\n    X = os.environ['TOKEN']\nexcept ImportError:\n    X = 1", "TOKEN"),
    ],
)
def test_a_variable_without_a_default_is_asked_for(read: Read, text: str, name: str) -> None:
    assert read(text).required_environment == (name,)
    assert read(text, environment=(name,)).required_environment == ()


@pytest.mark.parametrize(
    "text",
    [
        "import os\nX = os.environ.get('TOKEN')",
        "import os\nX = os.environ.get('TOKEN', 'x').split(',')",
        "import os\nX = os.getenv('TOKEN') == 'yes'",
        "from decouple import config\nX = config('TOKEN', default='')",
        "import environ\nenv = environ.Env(TOKEN=(str, ''))\nX = env('TOKEN')",
        "from environs import Env\nenv = Env()\nX = env.int('TOKEN', 3)",
        "import os\ntry:\n    X = os.environ['TOKEN']\nexcept KeyError:\n    X = 1",
        "import os\nif 'TOKEN' in os.environ:\n    X = os.environ['TOKEN']",
        "import os\nif os.environ.get('CI'):\n    X = os.environ['TOKEN']",
        "import os, socket\nif socket.gethostname() == 'server':\n    X = os.environ['TOKEN']",
        "import os\nX = 1 or os.environ['TOKEN']",
        "import os\ndef never():\n    return os.environ['TOKEN']",
        "import os\nDEBUG = True\nX = '' if DEBUG else os.environ['TOKEN']",
    ],
)
def test_a_variable_that_may_be_absent_is_not_asked_for(read: Read, text: str) -> None:
    assert read(text).required_environment == ()


def test_a_finding_names_file_and_line(read: Read) -> None:
    found = [
        item
        for item in read("import os\n\nX = os.environ['TOKEN']").findings
        if item.code == "environment-required"
    ]

    assert [(item.level, item.path, item.line) for item in found] == [("error", "shop/shop/settings.py", 3)]


def test_what_an_env_file_of_the_repository_holds_is_not_asked_for(read: Read) -> None:
    files = {".env": "export TOKEN='abc' \nDEBUG=True\n"}
    text = "from decouple import config\nX = config('TOKEN')\nDEBUG = config('DEBUG', cast=bool)\n"

    found = read(text, **files)

    assert found.required_environment == ()
    assert found.values["DEBUG"] is True


@pytest.mark.parametrize(
    ("text", "placeholders"),
    [
        ("SECRET_KEY = os.environ['KEY']", {"KEY"}),
        ("KEY = os.environ['KEY']\nSECRET_KEY = f'x{KEY}'", {"KEY"}),
        ("DEBUG = os.environ['DEBUG'] == '1'", {"DEBUG"}),
        ("DEBUG = int(os.environ['DEBUG'])", {"DEBUG"}),
        ("ALLOWED_HOSTS = os.environ['HOSTS'].split(',')", {"HOSTS"}),
        ("CELERY_BROKER_URL = os.environ['BROKER']", {"BROKER"}),
    ],
)
def test_what_the_machine_replaces_is_not_asked_for(read: Read, text: str, placeholders: set[str]) -> None:
    found = read(f"import os\n{text}")

    assert found.required_environment == ()
    assert set(dict(found.placeholder_environment)) == placeholders


POSTGRESQL = """import os
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["DB_NAME"], "USER": os.environ["DB_USER"],
    "HOST": os.environ["DB_HOST"], "PORT": os.environ["DB_PORT"], "PASSWORD": os.environ["DB_PASSWORD"]}}
"""


def test_a_database_that_nobody_named_is_the_machines(read: Read) -> None:
    found = read(POSTGRESQL)

    assert (found.database, found.services, found.required_environment) == ("postgresql", ("postgresql",), ())
    assert dict(found.placeholder_environment)["DB_PORT"] == "5432"
    assert codes(found)["database-postgresql"] == "note"


def test_a_database_that_is_named_in_part_is_asked_for(read: Read) -> None:
    found = read(POSTGRESQL, environment=("DB_HOST",))

    assert found.services == ()
    assert found.required_environment == ("DB_NAME", "DB_USER", "DB_PORT", "DB_PASSWORD")


def test_database_url_takes_the_place_of_all(read: Read) -> None:
    text = POSTGRESQL.replace('os.environ["DB_HOST"]', "'localhost'")

    found = read(
        text.replace("os.environ", "os.environ.get").replace('["DB', '("DB').replace('"]', '")'),
        environment=("DATABASE_URL",),
    )

    assert (found.database, found.services) == ("url", ())
    assert codes(found)["database-url-given"] == "note"


@pytest.mark.parametrize(
    ("packages", "services", "url"),
    [
        (("psycopg2-binary",), ("postgresql",), "postgres://site:site@localhost/site"),
        (("mysqlclient",), (), "mysql://site:site@localhost/site"),
        ((), (), "sqlite:///db.sqlite3"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "import environ\nenv = environ.Env()\nDATABASES = {'default': env.db()}",
        "import dj_database_url\nDATABASES = {'default': dj_database_url.config()}",
        "import os, dj_database_url as d\nDATABASES = {'default': d.parse(os.environ['DATABASE_URL'])}",
    ],
)
def test_a_database_by_url_is_the_machines(
    read: Read, text: str, packages: tuple[str, ...], services: tuple[str, ...], url: str
) -> None:
    found = read(text, packages=packages)

    assert (found.database, found.services) == ("mysql" if "mysql" in url else "url", services)
    assert dict(found.placeholder_environment) == {"DATABASE_URL": url}


@pytest.mark.parametrize(
    ("database", "engine", "code", "level"),
    [
        ("{'ENGINE': 'django.db.backends.sqlite3'}", "sqlite", "database-sqlite", "note"),
        ("{'ENGINE': 'django.db.backends.mysql', 'HOST': 'localhost'}", "mysql", "database-mysql", "note"),
        (
            "{'ENGINE': 'django.db.backends.postgresql', 'HOST': 'a.rds.com'}",
            "postgresql",
            "database-external",
            "warning",
        ),
        (
            "{'ENGINE': 'django.contrib.gis.db.backends.postgis'}",
            "postgresql",
            "database-geographic",
            "error",
        ),
        (
            "{'ENGINE': 'django.db.backends.postgresql', 'HOST': 'shop_db'}",
            "postgresql",
            "database-postgresql",
            "note",
        ),
    ],
)
def test_a_database_is_told(read: Read, database: str, engine: str, code: str, level: str) -> None:
    found = read(f"{HEAD}DATABASES = {{'default': {database}}}")

    assert found.database == engine
    assert codes(found)[code] == level


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SECRET_KEY = 'x'", "secret-key-in-code"),
        ("SECRET_KEY = ''", "secret-key-empty"),
        ("SECRET_KEY = os.getenv('KEY')", "secret-key-empty"),
        ("DEBUG = True", "debug-on"),
        ("DEBUG = bool(os.getenv('DEBUG', 'yes'))", "debug-on"),
        ("ALLOWED_HOSTS = ['example.com']", "allowed-hosts"),
        ("STATIC_ROOT = None", "static-root-missing"),
        (FOLDERS, "static-folder-missing"),
        (
            "from pathlib import Path\nSTATICFILES_DIRS = (Path(__file__).resolve().parent.parent / 'gone',)",
            "static-folder-missing",
        ),
        ("INSTALLED_APPS = ['channels']", "channels-used"),
        ("CACHES = {'default': {'LOCATION': 'redis://redis:6379/1'}}", "redis-used"),
        ("import requests\nX = requests.get('http://169.254.169.254/')", "settings-network"),
        ("X = open('/etc/shop.json')", "settings-file-missing"),
        ("X = open('config/shop.yaml').read()", "settings-file-missing"),
        ("from .secrets import *", "settings-import-missing"),
        ("from shop import secrets_of_mine\nimport shop.gone", "settings-import-missing"),
        ("X = (", "settings-syntax"),
        ("print 'hello'", "settings-syntax"),
        ("INSTALLED_APPS = ['rest_framework']", "package-not-listed"),
        ("import dj_database_url", "package-not-listed"),
    ],
)
def test_settings_are_judged(read: Read, text: str, code: str) -> None:
    assert code in codes(read(f"import os\n{text}\n", packages=("django", "celery")))


def test_sound_settings_are_left_alone(read: Read) -> None:
    assert codes(read(HEAD.replace("'x'", "os.environ['KEY']"), environment=("KEY",))) == {}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from .local import *\nexcept ImportError:\n    pass",
        "try:\n    X = open('/etc/shop.json')\nexcept OSError:\n    X = None",
        "import os\nif os.path.exists('/etc/shop.json'):\n    X = open('/etc/shop.json')",
    ],
)
def test_what_the_settings_catch_is_no_finding(read: Read, text: str) -> None:
    assert not {"settings-import-missing", "settings-file-missing"} & set(codes(read(text)))


def test_split_settings_are_followed(read: Read) -> None:
    base = "import os\nDEBUG = False\nAPPS = ['blog']\nSITE = os.environ['SITE']\n"
    local = (
        "from .base import *\nDEBUG = True\nINSTALLED_APPS = APPS + ['shop.cart']\n"
        "INSTALLED_APPS += 'news',\n"
    )
    files = {"conf/__init__.py": "", "conf/base.py": base, "conf/local.py": local}

    found = read("", module="conf.local", **files)

    assert found.values["DEBUG"] is True
    assert found.installed_apps == ("blog", "shop.cart", "news")
    assert found.required_environment == ("SITE",)
    assert found.path == "shop/conf/local.py"


def test_modules_that_import_each_other_end(read: Read) -> None:
    assert read("from .other import *\n", **{"shop/other.py": "from .settings import *\nX = 1\n"}).path


def test_names_that_modules_are_known_by(read: Read) -> None:
    names = {
        "WSGI_APPLICATION": "wsgi.application",
        "ASGI_APPLICATION": "asgi.application",
        "ROOT_URLCONF": "urls",
    }
    text = "".join(f"{name} = 'web.{value}'\n" for name, value in names.items())

    found = read(text)

    assert (found.wsgi_application, found.asgi_application) == (
        "web.wsgi.application",
        "web.asgi.application",
    )
    assert found.root_urlconf == "web.urls"


def test_a_folder_without_python_hides_no_package(read: Read) -> None:
    found = read("from redis.client import Redis\n", packages=("django", "redis"), **{"redis/redis.conf": ""})

    assert "settings-import-missing" not in codes(found)


def test_an_app_below_a_folder_on_the_path_is_the_projects(read: Read) -> None:
    found = read(f"{HEAD}INSTALLED_APPS = ['cart']\n", **{"apps/cart/__init__.py": ""})

    assert "package-not-listed" not in codes(found)


def test_a_project_may_import_its_own_directory_from_the_root(tmp_path: Path) -> None:
    files = {
        "env.py": "import environ\nenv = environ.Env()\n",
        "settings.py": f"from src.config.env import env\n{HEAD}INSTALLED_APPS = ['src.a']\nX = env('ONE')\n",
    }
    (tmp_path / "src/config").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "src/config" / name).write_text(text)

    found = project_settings.read(
        Tree(tmp_path),
        project_directory="src",
        module="config.settings",
        environment=(),
        packages=("django",),
    )

    assert found.required_environment == ("ONE",)
    assert "src" not in " ".join(item.message for item in found.findings)


def test_names_that_differ_in_capitals_are_told(read: Read) -> None:
    found = read(f"{HEAD}INSTALLED_APPS = ['Cart']\n", **{"cart/__init__.py": ""})

    assert codes(found)["module-case"] == "error"


CHOICE = """import os, socket
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
NAME = os.environ.get("DB_NAME")
if %s:
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": NAME}}
"""


@pytest.mark.parametrize(
    ("test", "engine"),
    [
        ("NAME", "sqlite"),
        ("all([NAME, True])", "sqlite"),
        ("str(NAME) == 'shop'", "sqlite"),
        ("any([NAME, True])", "postgresql"),
        ("'DB_NAME' not in os.environ", "postgresql"),
        ("socket.gethostname() == 'shop'", "postgresql"),
    ],
)
def test_a_branch_is_followed_where_it_can_be_told(read: Read, test: str, engine: str) -> None:
    found = read(CHOICE % test)

    assert found.database == engine
    assert found.placeholder_environment == ()


def test_settings_that_are_absent_say_nothing(read: Read) -> None:
    assert read("", module="shop.gone") == SettingsReading()


@pytest.mark.parametrize(
    "text",
    [
        "X = " + "(" * 150 + "1" + ")" * 150,
        "X = " + "-" * 3_000 + "1",
        "X = 'a'\n" + "X = X + X\n" * 100,
        "X = ['a']\n" + "X += X\n" * 100,
        "def f(x):\n    return f(x) + f(x)\nX = f(1)",
        "X = [[y for y in range(9)] for x in [1] * 10**9]",
        "X = 9 ** 9 ** 9 ** 9\nY = 'a' * 10**12\nZ = '%1000000000d' % 1\nW = f'{1:1000000000}'",
        "while True:\n    pass",
        "\0",
        "X = 'a'.join(['b'] * 10**9)\nY = __import__('os').system('touch /tmp/run')",
        "class A:\n    X = 1\nasync def f(): pass\nmatch 1:\n    case _: pass",
        "X = {**{}, 'a': {}}\nX['a']['b'] = X\ndel X",
        "X, *Y = 1, 2, 3\n(A, B), C = 1, 2",
        "import os\nX = os.environ[os.environ]\nY = os.getenv()\nZ = int()\nopen()\ndict(1)\nlen(3)",
        "from . import *\nfrom .... import x\nfrom ...up import y\nimport shop",
    ],
)
def test_hostile_settings_end_and_harm_nothing(read: Read, text: str) -> None:
    assert read(text).path == "shop/shop/settings.py"

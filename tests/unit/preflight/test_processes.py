"""Celery's worker and beat, where no Procfile says what runs beside the site."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.preflight import reading
from ecdeployer.preflight.reading import ReadOptions, Report

Plant = Callable[[Mapping[str, str | bytes]], Path]
APP = 'from celery import Celery\n\napp = Celery("shop")\napp.config_from_object("django.conf:settings")\n'
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
SETTINGS = (
    "SECRET_KEY = 'x' * 50\nDEBUG = False\nALLOWED_HOSTS = ['*']\n"
    "ROOT_URLCONF = 'shop.urls'\nINSTALLED_APPS = []\n"
)
REDIS = 'CELERY_BROKER_URL = "redis://localhost:6379/0"\n'
WORKER = 'celery --app shop.celery worker --loglevel INFO --concurrency "$ECDEPLOYER_CONCURRENCY"'
PLAIN = {
    "requirements.txt": "django~=5.2.0\ncelery[redis]\n",
    "shop/manage.py": MANAGE,
    "shop/shop/__init__.py": "",
    "shop/shop/urls.py": "urlpatterns = []\n",
    "shop/shop/wsgi.py": "",
    "shop/shop/asgi.py": "",
}


@pytest.fixture
def read(plant: Plant) -> Callable[..., Report]:
    def of(settings: str = REDIS, app: str | None = APP, **files: str) -> Report:
        extra = {"shop/shop/celery.py": app} if app is not None else {}
        root = plant({**PLAIN, "shop/shop/settings.py": SETTINGS + settings, **extra, **files})
        options = ReadOptions(machine_python="3.11", python_downloads=False)
        return reading.read(root, project_name="shop", environment=(), options=options)

    return of


def found(report: Report) -> list[tuple[str, str]]:
    return [(each.code, each.level) for each in report.findings if each.code.startswith(("celery", "procf"))]


def facts(report: Report) -> Any:
    assert report.facts is not None
    return report.facts


def test_celery_gets_a_worker_on_the_module_that_makes_the_application(read: Callable[..., Report]) -> None:
    report = read()
    assert facts(report).processes == (("worker", WORKER),)
    assert facts(report).procfile == ""
    assert facts(report).services == ("redis", "celery")
    assert facts(report).placeholder_environment == ()
    assert found(report) == [("celery-used", "note")]
    assert reading.Report.from_dict(report.to_dict()) == report


@pytest.mark.parametrize(
    ("said", "app", "memory"),
    [
        (REDIS + "CELERY_BEAT_SCHEDULE = {}\n", APP, '--schedule "$HOME/celerybeat-schedule"'),
        (REDIS, APP + "app.conf.beat_schedule = {}\n", '--schedule "$HOME/celerybeat-schedule"'),
        (
            REDIS + "INSTALLED_APPS = ['django_celery_beat']\n",
            APP,
            "--scheduler django_celery_beat.schedulers:DatabaseScheduler",
        ),
    ],
    ids=["settings", "application", "database"],
)
def test_beat_runs_where_something_is_due_periodically(
    read: Callable[..., Report], said: str, app: str, memory: str
) -> None:
    beat = f"celery --app shop.celery beat --loglevel INFO --pidfile= {memory}"
    assert facts(read(said, app)).processes == (("worker", WORKER), ("beat", beat))


@pytest.mark.parametrize(
    "said",
    ["", "import os\nCELERY_BROKER_URL = os.environ.get('CELERY_BROKER_URL')\n"],
    ids=["none", "unset"],
)
def test_a_project_that_names_no_broker_gets_the_machines_redis(
    read: Callable[..., Report], said: str
) -> None:
    known = facts(read(said))
    assert known.services == ("redis", "celery")
    assert ("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0") in known.placeholder_environment


def test_a_local_broker_in_the_code_is_the_machines_redis(read: Callable[..., Report]) -> None:
    known = facts(read("", APP.replace('"shop")', '"shop", broker="redis://localhost:6379/1")')))
    assert known.services == ("redis", "celery")
    assert dict(known.placeholder_environment)["CELERY_BROKER_URL"]
    elsewhere = facts(read("", APP.replace('"shop")', '"shop", broker="amqp://mq.example.com")')))
    assert elsewhere.services == ("celery",)
    assert elsewhere.placeholder_environment == ()


def test_what_the_project_says_of_concurrency_stays(read: Callable[..., Report]) -> None:
    known = facts(read(REDIS + "CELERY_WORKER_CONCURRENCY = 3\n"))
    assert known.processes == (("worker", "celery --app shop.celery worker --loglevel INFO"),)


def test_a_procfile_takes_the_place_of_the_guess(read: Callable[..., Report]) -> None:
    report = read(
        Procfile="web: daphne shop.asgi:application\nworker: celery -A shop worker\nrelease: true\n"
    )
    known = facts(report)
    assert known.processes == (("worker", "celery -A shop worker"),)
    assert (known.procfile, known.release_command) == ("Procfile", "true")
    assert (known.interface, known.asgi_module) == ("asgi", "shop.asgi")
    assert ("celery-used", "note") not in found(report)


def test_a_procfile_without_a_worker_is_told(read: Callable[..., Report]) -> None:
    report = read(Procfile="web: gunicorn shop.wsgi\n")
    assert facts(report).processes == ()
    assert ("celery-used", "warning") in found(report)


def test_settings_without_an_application_are_told(read: Callable[..., Report]) -> None:
    report = read(REDIS, None)
    assert facts(report).processes == ()
    assert found(report) == [("celery-used", "warning")]


def test_the_clients_package_has_to_be_there(read: Callable[..., Report]) -> None:
    report = read("", APP, **{"requirements.txt": "django~=5.2.0\ncelery\n"})
    assert found(report) == [("celery-used", "warning")]


def test_a_project_without_celery_gets_nothing(read: Callable[..., Report]) -> None:
    report = read("", None, **{"requirements.txt": "django~=5.2.0\n"})
    assert (facts(report).processes, facts(report).services, found(report)) == ((), (), [])


@pytest.mark.parametrize("text", ["app = (", "app = Celery", "def f():\n    app = Celery()\n", "\x00"])
def test_what_makes_no_application_is_passed_over(read: Callable[..., Report], text: str) -> None:
    assert facts(read(REDIS, text)).processes == ()

"""Values for variables that settings want at import, where the machine replaces what is made of them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .settings_values import Unknown, Unset, names_in

#: Settings that a release's own settings module sets, and what a variable behind one may say until then.
#: Every reader takes 0 for false, `int` too.
REPLACED = {
    "SECRET_KEY": "replaced-on-the-machine",
    "DEBUG": "0",
    "TEMPLATE_DEBUG": "0",
    "ALLOWED_HOSTS": "localhost",
    "CSRF_TRUSTED_ORIGINS": "http://localhost",
    "STATIC_ROOT": "static",
    "STATIC_URL": "/static/",
    "MEDIA_ROOT": "media",
    "MEDIA_URL": "/media/",
    "SECURE_SSL_REDIRECT": "0",
    "SESSION_COOKIE_SECURE": "0",
    "CSRF_COOKIE_SECURE": "0",
    "SECURE_HSTS_SECONDS": "0",
}
#: Settings in which the machine's own Redis takes the place of one that nobody named.
REDIS = ("CACHES", "CHANNEL_LAYERS", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL", "RQ_QUEUES")
REDIS_URL = "redis://127.0.0.1:6379/0"
DATABASE_KEYS = {"HOST": "localhost", "NAME": "site", "USER": "site", "PASSWORD": "site"}
SERVER_KEYS = {
    "postgresql": {"ENGINE": "django.db.backends.postgresql", "PORT": "5432", **DATABASE_KEYS},
    "mysql": {"ENGINE": "django.db.backends.mysql", "PORT": "3306", **DATABASE_KEYS},
    "sqlite": {"NAME": "db.sqlite3"},
}
URLS = {
    "postgresql": "postgres://site:site@localhost/site",
    "mysql": "mysql://site:site@localhost/site",
    "sqlite": "sqlite:///db.sqlite3",
}
SECRET_NAMES = frozenset({"SECRET_KEY", "DJANGO_SECRET_KEY"})


def choose(
    required: Collection[str], settings: Mapping[str, Any], *, database: str, given: Collection[str]
) -> dict[str, str]:
    """A value for each of the required variables that need not be asked for.

    ``database``: what the machine serves: "postgresql", "mysql", "sqlite", or "" for nothing.
    """
    found = {name: REPLACED["SECRET_KEY"] for name in required if name in SECRET_NAMES}
    for setting, value in REPLACED.items():
        found |= dict.fromkeys(names_in(settings.get(setting)) & set(required), value)
    found |= {name: value for name, value in _redis(settings) if name in required}
    for name, value in _database(settings.get("DATABASES"), database=database, given=given):
        if name not in given:
            found[name] = value
    return found


def _redis(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for setting in REDIS:
        for name in names_in(settings.get(setting)):
            if "PASSWORD" in name or name.endswith("_DB"):
                continue
            if name.endswith("PORT"):
                yield name, "6379"
            else:
                yield name, "127.0.0.1" if name.endswith("HOST") else REDIS_URL


def _database(databases: Any, *, database: str, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """Nothing where the developer has named a part of a server of their own, and no DATABASE_URL above it.

    A default that is empty without its variable is as much in want of one as an import that fails.
    """
    names = names_in(databases)
    if not database or (names & set(given) and "DATABASE_URL" not in given):
        return
    default = databases.get("default") if isinstance(databases, dict) else databases
    if isinstance(default, Unknown):
        yield from ((name, URLS[database]) for name in default.names)
    elif isinstance(default, dict):
        for key, text in SERVER_KEYS[database].items():
            value = default.get(key)
            if isinstance(value, Unknown) and not isinstance(value, Unset):
                yield from ((name, text) for name in value.names)

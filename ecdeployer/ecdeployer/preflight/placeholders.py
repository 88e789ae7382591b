"""Values for variables that settings want at import, where the machine replaces what is made of them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .settings_values import Unknown, Unset, names_in

#: Settings that a release's own settings module sets, and what a variable behind one may say until then.
REPLACED = {
    "SECRET_KEY": "replaced-on-the-machine",
    "DEBUG": "False",
    "TEMPLATE_DEBUG": "False",
    "ALLOWED_HOSTS": "localhost",
    "CSRF_TRUSTED_ORIGINS": "http://localhost",
    "STATIC_ROOT": "static",
    "STATIC_URL": "/static/",
    "MEDIA_ROOT": "media",
    "MEDIA_URL": "/media/",
    "SECURE_SSL_REDIRECT": "False",
    "SESSION_COOKIE_SECURE": "False",
    "CSRF_COOKIE_SECURE": "False",
    "SECURE_HSTS_SECONDS": "0",
}
#: Settings in which the machine's own Redis takes the place of one that nobody named.
REDIS = ("CACHES", "CHANNEL_LAYERS", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL", "RQ_QUEUES")
REDIS_URL = "redis://127.0.0.1:6379/0"
DATABASE_KEYS = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": "localhost",
    "PORT": "5432",
    "NAME": "site",
    "USER": "site",
    "PASSWORD": "site",
}
SECRET_NAMES = frozenset({"SECRET_KEY", "DJANGO_SECRET_KEY"})


def choose(
    required: Collection[str], settings: Mapping[str, Any], *, database: str, given: Collection[str]
) -> dict[str, str]:
    """A value for each of the required variables that need not be asked for.

    ``database``: "postgresql" where the machine's own server serves, "sqlite", or "" where neither does.
    """
    found = {name: REPLACED["SECRET_KEY"] for name in required if name in SECRET_NAMES}
    for setting, value in REPLACED.items():
        found |= dict.fromkeys(names_in(settings.get(setting)) & set(required), value)
    found |= {name: value for name, value in _redis(settings) if name in required}
    for name, value in _database(settings.get("DATABASES"), database=database, given=given):
        if name in required:
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
    """Nothing where the developer has named a part of a server of their own, and no DATABASE_URL above it."""
    names = names_in(databases)
    if not database or (names & set(given) and "DATABASE_URL" not in given):
        return
    default = databases.get("default") if isinstance(databases, dict) else databases
    if isinstance(default, Unknown):
        url = "postgres://site:site@localhost/site" if database == "postgresql" else "sqlite:///db.sqlite3"
        yield from ((name, url) for name in default.names)
    elif isinstance(default, dict):
        for key, value in default.items():
            if key in DATABASE_KEYS and isinstance(value, Unknown) and not isinstance(value, Unset):
                yield from ((name, DATABASE_KEYS[key]) for name in value.names)

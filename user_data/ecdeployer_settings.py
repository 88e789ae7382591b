"""The project's settings, with what production needs. What is changed, and why, goes to the page."""

from __future__ import annotations

import copy
import importlib
import json
import os
import shutil
import sys
import urllib.parse
from typing import Any

overlay = json.loads(os.environ["ECDEPLOYER_OVERLAY"])
# Some projects import their own directory by its name, from the repository's root. Last, it hides nothing.
sys.path.append(os.path.join(overlay["home"], "source"))
project = importlib.import_module(overlay["settings_module"])
values: dict[str, Any] = {name: getattr(project, name) for name in dir(project) if name.isupper()}
changes: list[dict[str, str]] = []
copies: list[tuple[str, str, bool]] = []
home, shared = overlay["home"], "/srv/ecdeployer/shared"
source = os.getcwd()
ours = {value for name, value in overlay["placeholders"] if name not in overlay["given"]}
local_names = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 # nosec B104
local_names |= {"db", "database", "postgres", "postgresql", "mysql", "mariadb", "redis"}


def set_to(name: str, value: Any, why: str, *, secret: bool = False) -> None:
    """A setting's new value; its old one is told unless it is secret."""
    old = values.get(name)
    if old == value and name in values:
        return
    shown = ["(secret)" if old else repr(old), "(secret)"] if secret else [repr(old), repr(value)]
    if name not in values:
        shown[0] = "(not set)"
    changes.append({"setting": name, "from": shown[0][:300], "to": shown[1][:300], "why": why})
    values[name] = value


def is_given(value: str) -> bool:
    """Whether a developer's environment variable holds it."""
    return any(os.environ.get(name) == value for name in overlay["given"])


def is_local(host: str | None) -> bool:
    """A name without a dot is one of a compose file's: no other machine knows it."""
    if host is None or str(host) in local_names or (host in ours and host != ""):
        return True
    return not set("./:") & set(str(host))


def mask(old: dict[str, Any]) -> dict[str, Any]:
    """A database's settings without its password."""
    return {name: value for name, value in old.items() if name not in ("PASSWORD", "OPTIONS")}


def change_debug() -> None:
    if values.get("DEBUG"):
        set_to("DEBUG", value=False, why="Django shows its source to every visitor while it is on.")
    templates = copy.deepcopy(values.get("TEMPLATES", []))
    for engine in templates:
        if engine.get("OPTIONS", {}).get("debug"):
            engine["OPTIONS"]["debug"] = False
            values["TEMPLATES"] = templates


def change_hosts() -> None:
    addresses = [*overlay["addresses"], "localhost", "127.0.0.1"]
    hosts = list(values.get("ALLOWED_HOSTS") or [])
    if "*" not in hosts:
        missing = [address for address in addresses if address not in hosts]
        set_to("ALLOWED_HOSTS", hosts + missing, "The site answers at the machine's own addresses too.")
    import django

    if django.VERSION >= (4, 0):
        addresses = [f"{scheme}://{address}" for scheme in ("http", "https") for address in addresses]
    origins = list(values.get("CSRF_TRUSTED_ORIGINS") or [])
    if django.VERSION >= (4, 0):
        # https://docs.djangoproject.com/en/4.0/releases/4.0/#csrf-trusted-origins-changes: no start without a
        # scheme.
        origins = [origin if "://" in origin else f"https://{origin}" for origin in origins]
    missing = [address for address in addresses if address not in origins]
    set_to("CSRF_TRUSTED_ORIGINS", origins + missing, "Forms are posted from the machine's addresses.")


def change_secret_key() -> None:
    key, own = values.get("SECRET_KEY"), os.environ.get("ECDEPLOYER_SECRET_KEY")
    if not own or (key and key not in ours and is_given(key)):
        return
    why = "It is empty." if not key else "It stands in the code, where everybody can read it."
    if key in ours:
        why = "Nothing sets it."
    set_to("SECRET_KEY", own, why + " One was made for this application.", secret=True)
    for value in values.values():
        if isinstance(value, dict):
            value.update({name: own for name, item in value.items() if key and item == key})


def change_files() -> None:
    old = values.get("STATIC_ROOT")
    if old and inside(old):
        copies.append((absolute(old), f"{home}/static", False))
    set_to("STATIC_ROOT", f"{home}/static", "nginx serves static files from the release.")
    if not values.get("STATIC_URL"):
        set_to("STATIC_URL", "/static/", "Without it no static file has an address.")
    old = values.get("MEDIA_ROOT")
    if old and inside(old):
        copies.append((absolute(old), f"{shared}/media", True))
    set_to("MEDIA_ROOT", f"{shared}/media", "Uploads outlive a release there, and nginx serves them.")
    if not values.get("MEDIA_URL"):
        set_to("MEDIA_URL", "/media/", "Without it no upload has an address.")
    folders = list(values.get("STATICFILES_DIRS") or [])
    there = [item for item in folders if os.path.isdir(item[1] if isinstance(item, (list, tuple)) else item)]
    if len(there) < len(folders):
        set_to("STATICFILES_DIRS", there, "The others do not exist in the repository.")


def change_static_storage() -> None:
    if values.get("STORAGES") and "default" not in values["STORAGES"]:
        files = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, **values["STORAGES"]}
        set_to("STORAGES", files, "Without a default one no upload can be stored.")
    own = static_storage()
    if overlay.get("plain_static"):
        plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
        store_static({"BACKEND": plain}, "collectstatic fails with file names that carry a hash.")
    elif "Manifest" in str(own.get("BACKEND")):
        values["ECDEPLOYER_STATIC_STORAGE"] = own["BACKEND"]
        why = "With DEBUG off, a page that names a missing static file would be refused."
        store_static({**own, "BACKEND": "ecdeployer_static.storage"}, why)


def store_static(storage: dict[str, Any], why: str) -> None:
    if "STORAGES" in values:
        set_to("STORAGES", {**values["STORAGES"], "staticfiles": storage}, why)
    else:
        set_to("STATICFILES_STORAGE", storage["BACKEND"], why)


def static_storage() -> dict[str, Any]:
    """What stores static files, as far as the project says."""
    return (values.get("STORAGES") or {}).get("staticfiles") or {"BACKEND": values.get("STATICFILES_STORAGE")}


def absolute(path: Any) -> str:
    return os.path.abspath(os.path.join(source, str(path)))


def inside(path: Any) -> bool:
    top = f"{home}/source/"
    return absolute(path).startswith(top) and absolute(path).rstrip("/") + "/" != top


def change_databases() -> None:
    databases = copy.deepcopy(values.get("DATABASES") or {})
    before = copy.deepcopy(databases)
    url = os.environ.get("DATABASE_URL", "")
    why = "SQLite's file outlives a release there."
    taken: set[str] = set()
    served = {"postg": "postgresql" in overlay["services"], "mysql": overlay["database"] == "mysql"}
    for alias, database in databases.items():
        engine = str(database.get("ENGINE", ""))
        if engine.endswith(("sqlite3", "spatialite")):
            move_sqlite(alias, database, taken)
        elif is_local(database.get("HOST")) and any(served[kind] for kind in served if kind in engine):
            why = "Its server runs on the machine, and knows the site by its user."
            move_to_machine(database, engine)
    default = databases.get("default") or {}
    if url and url not in ours:
        parsed = parse_database(url)
        same = all(str(default.get(name, "")) == str(parsed[name]) for name in ("HOST", "USER"))
        if parsed["ENGINE"] and not (same and parsed["HOST"]):
            databases["default"] = parsed
            why = "DATABASE_URL is given."
    if databases != before:
        masked = {alias: mask(database) for alias, database in databases.items()}
        old = {alias: mask(database) for alias, database in before.items()}
        changes.append(
            {"setting": "DATABASES", "from": repr(old)[:300], "to": repr(masked)[:300], "why": why}
        )
        values["DATABASES"] = databases


def move_to_machine(database: dict[str, Any], engine: str) -> None:
    """Over the server's own socket, without a password."""
    database.update(dict.fromkeys(("PASSWORD", "PORT"), ""), NAME="site", USER="site", HOST="/run/postgresql")
    if "mysql" in engine:
        options = {"charset": "utf8mb4", **database.get("OPTIONS", {})}
        gone = ("read_default_file", "ssl", "ssl_mode", "ssl_ca", "auth_plugin")
        database["OPTIONS"] = {name: value for name, value in options.items() if name not in gone}
        database["HOST"] = "/run/mysqld/mysqld.sock"


def move_sqlite(alias: str, database: dict[str, Any], taken: set[str]) -> None:
    options = database.get("OPTIONS") or {}
    # dj_database_url's ssl_require=True gives SQLite an option that only PostgreSQL takes.
    foreign = [option for option in options if "ssl" in option]
    if foreign:
        database["OPTIONS"] = {option: options[option] for option in options if option not in foreign}
    name = str(database.get("NAME") or "")
    if not name or ":memory:" in name or name.startswith("file:"):
        return
    base = os.path.basename(name)
    base = f"{alias}-{base}" if base in taken else base
    taken.add(base)
    copies.append((absolute(name), f"{shared}/data/{base}", True))
    database["NAME"] = f"{shared}/data/{base}"


engines = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "psql": "postgresql",
    "mysql": "mysql",
    "sqlite": "sqlite3",
}


def parse_database(url: str) -> dict[str, Any]:
    """A database's settings from its URL; ENGINE is empty where Django has none for the scheme."""
    parts = urllib.parse.urlsplit(url)
    kind = engines.get(parts.scheme.split("+")[0], "")
    text = {
        name: urllib.parse.unquote(getattr(parts, name) or "")
        for name in ("username", "password", "hostname")
    }
    parsed: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{kind}" if kind else "",
        "NAME": urllib.parse.unquote(parts.path[1:]),
        "USER": text["username"],
        "PASSWORD": text["password"],
        "HOST": text["hostname"],
        "PORT": parts.port or "",
        "CONN_MAX_AGE": 60,
    }
    if kind == "sqlite3":
        parsed = {
            "ENGINE": parsed["ENGINE"],
            "NAME": f"{shared}/data/{os.path.basename(parts.path) or 'db.sqlite3'}",
        }
    elif parts.query:
        parsed["OPTIONS"] = dict(urllib.parse.parse_qsl(parts.query))
    return parsed


def change_redis() -> None:
    if "redis" not in overlay["services"]:
        return
    for name in (
        "CACHES",
        "CHANNEL_LAYERS",
        "CELERY_BROKER_URL",
        "CELERY_RESULT_BACKEND",
        "BROKER_URL",
        "RQ_QUEUES",
    ):
        if name in values:
            set_to(name, local_redis(values[name]), "Redis runs on the machine.")


def local_redis(value: Any) -> Any:
    if isinstance(value, dict):
        local = {key: local_redis(item) for key, item in value.items()}
        if local.get("HOST") and is_local(local["HOST"]):
            local["HOST"] = "127.0.0.1"
        return local
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and isinstance(value[0], str) and str(value[1]).isdigit() and is_local(value[0]):
            return ("127.0.0.1", 6379)
        return type(value)(local_redis(item) for item in value)
    if isinstance(value, str) and value.startswith("redis://"):
        parts = urllib.parse.urlsplit(value)
        if is_local(parts.hostname):
            return urllib.parse.urlunsplit(("redis", "127.0.0.1:6379", parts.path, parts.query, ""))
    return "redis://127.0.0.1:6379/0" if isinstance(value, str) and value and value in ours else value


def change_security() -> None:
    set_to(
        "SECURE_PROXY_SSL_HEADER",
        ("HTTP_X_FORWARDED_PROTO", "https"),
        "nginx sets this header on every request.",
    )
    if overlay.get("balanced"):
        return
    why = "The site is served over plain HTTP by its address: nobody could sign in."
    for name, plain in (
        ("SECURE_SSL_REDIRECT", False),
        ("SESSION_COOKIE_SECURE", False),
        ("CSRF_COOKIE_SECURE", False),
        ("LANGUAGE_COOKIE_SECURE", False),
        ("SECURE_HSTS_SECONDS", 0),
        ("SESSION_COOKIE_DOMAIN", None),
        ("CSRF_COOKIE_DOMAIN", None),
        ("PREPEND_WWW", False),
    ):
        if values.get(name):
            set_to(name, plain, why)
    for name in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"):
        if str(values.get(name, "")).startswith(("__Host-", "__Secure-")):
            set_to(name, values[name].split("-", 1)[1], why)


def change_logging() -> None:
    logging = copy.deepcopy(values.get("LOGGING") or {})
    for handler in logging.get("handlers", {}).values():
        path = handler.get("filename")
        if path and not os.access(os.path.dirname(absolute(path)), os.W_OK):
            handler["filename"] = f"{shared}/log/{os.path.basename(str(path))}"
            handler["delay"] = True
    if logging != (values.get("LOGGING") or {}):
        set_to("LOGGING", logging, "A log file is in a directory that the site cannot write to.")


def bring_along() -> None:
    """What the repository ships of data goes where data lives, once."""
    for origin, target, once in copies:
        if os.path.isfile(origin) and not os.path.exists(target):
            shutil.copyfile(origin, f"{target}.new")
            os.rename(f"{target}.new", target)
        elif os.path.isdir(origin) and not (once and os.listdir(target)):
            shutil.copytree(origin, target, dirs_exist_ok=True)


def tell(descriptor: int) -> None:
    text = {name: str(values[name]) for name in ("STATIC_URL", "MEDIA_URL")}
    apps = [str(app) for app in values.get("INSTALLED_APPS", [])]
    static = any(app.startswith("django.contrib.staticfiles") for app in apps)
    document = {**text, "staticfiles": static, "changes": changes, "addresses": overlay["addresses"]}
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)


change_debug()
change_hosts()
change_secret_key()
change_files()
change_static_storage()
change_databases()
change_redis()
change_security()
change_logging()
project.__dict__.update(values)
globals().update(values)
if "ECDEPLOYER_INSPECT" in os.environ:
    bring_along()
    tell(int(os.environ.pop("ECDEPLOYER_INSPECT")))

"""How settings read the environment: os.environ, and the libraries that people use over it."""

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Any

from .settings_values import Dotted, Place, Reader, SignalError, Unknown, Unset, is_known
from .tree import Tree

#: Readers and what they raise.
READERS = {
    "decouple.AutoConfig": "decouple",
    "decouple.Config": "decouple",
    "environ.Env": "environ",
    "environ.FileAwareEnv": "environ",
    "environs.Env": "environs",
    "environs.FileAwareEnv": "environs",
}
RAISES = {"decouple": "UndefinedValueError", "environ": "ImproperlyConfigured", "environs": "EnvError"}
#: The variable that a reader's method takes when it is told none.
OWN_NAMES = {
    "cache": "CACHE_URL",
    "cache_url": "CACHE_URL",
    "channels": "CHANNELS_URL",
    "db": "DATABASE_URL",
    "db_url": "DATABASE_URL",
    "email": "EMAIL_URL",
    "email_url": "EMAIL_URL",
    "search_url": "SEARCH_URL",
}
_URLS = {*OWN_NAMES, "dj_db_url", "dj_cache_url", "dj_email_url"}
_TRUE = {"true", "yes", "on", "1", "y", "t", "ok"}
_MISSING = object()


class Environment:
    """The variables that are set by NAME, those that .env files of the tree hold, and what is asked for."""

    def __init__(self, tree: Tree, given: Collection[str], *, base: str) -> None:
        self.tree = tree
        self.base = base
        self.given = frozenset(given)
        self.files: dict[str, str] = {}
        self.required: dict[str, Place] = {}
        self.optional: dict[str, Place] = {}
        self.loaded: set[tuple[str, ...]] = set()
        self.guards: list[frozenset[str]] = []
        self.uncertain = 0

    def load(self, folder: str, names: Collection[str] = (".env",)) -> None:
        """The first file of these names in a directory or above it, as dotenv and decouple look for it."""
        if (folder, *names) in self.loaded:
            return
        self.loaded.add((folder, *names))
        while True:
            for name in names:
                read = self.tree.text(posixpath.normpath(posixpath.join(folder, name)))
                if read is not None:
                    self.files = {**parse_file(read.text), **self.files}
                    return
            if folder in ("", "."):
                return
            folder = posixpath.dirname(folder) or "."

    def catches(self, kind: str) -> bool:
        wide = {kind, "Exception", "BaseException", ""}
        return any(guard & wide for guard in self.guards)

    def require(self, names: Collection[str], place: Place) -> None:
        """Each of the names has to be set, or the settings cannot be imported."""
        for name in names:
            if name not in self.given and not self.uncertain:
                self.required.setdefault(name, place)

    def optionally(self, name: object, default: Any, place: Place) -> Any:
        """``os.environ.get``: None without a default where nobody sets it."""
        if not isinstance(name, str):
            return Unknown()
        if name in self.given:
            return Unknown(frozenset({name}))
        if name in self.files:
            return self.files[name]
        self.optional.setdefault(name, place)
        return Unset(frozenset({name})) if default is _MISSING or default is None else default

    def demand(self, name: object, place: Place, *, kind: str = "KeyError", cast: str = "") -> Any:
        """``os.environ[...]`` and readers without a default."""
        if not isinstance(name, str):
            return Unknown()
        names = frozenset({name})
        if name in self.given:
            return Unknown(names)
        if name in self.files:
            return convert(self.files[name], cast)
        if self.catches(kind):
            raise SignalError(kind, names)
        self.require(names, place)
        return False if cast == "bool" and "DEBUG" in name else Unknown(names)

    def ask(self, reader: Reader, arguments: list[Any], keywords: Mapping[str, Any], place: Place) -> Any:
        """A reader called: config("NAME", default=..., cast=...), env.bool("NAME"), env("NAME")."""
        method = reader.method
        name = arguments[0] if arguments else keywords.get("var", OWN_NAMES.get(method))
        default = keywords.get("default", arguments[1] if len(arguments) > 1 else _MISSING)
        if default is _MISSING and reader.library == "environ" and isinstance(name, str):
            default = reader.schema.get(name, _MISSING)
        if isinstance(default, Dotted) and default.name.endswith("NOTSET"):
            default = _MISSING
        cast = _cast(keywords.get("cast"), method)
        if default is _MISSING:
            value = self.demand(name, place, kind=RAISES[reader.library], cast=cast)
        else:
            value = self.optionally(name, _MISSING, place)
            value = default if isinstance(value, Unset) else convert(value, cast)
            value = convert(value, cast) if reader.library == "decouple" else value
        if method in _URLS and is_known(value) and not isinstance(value, dict):
            return database(value)
        return value


def _cast(given: object, method: str) -> str:
    if isinstance(given, Dotted):
        return given.name.rsplit(".", 1)[-1].lower()
    return "" if method in _URLS else method


def convert(value: Any, cast: str) -> Any:
    """A text as a reader casts it."""
    if not isinstance(value, str) or cast in ("", "str"):
        return value
    if cast == "bool":
        return value.strip().lower() in _TRUE
    if cast in ("int", "float"):
        return int(value) if re.fullmatch(r"-?\d{1,18}", value.strip()) else Unknown()
    if cast in ("list", "csv", "tuple"):
        return [item.strip() for item in value.split(",") if item.strip()]
    return Unknown()


def database(value: Any) -> Any:
    """DATABASES' entry for a URL, as far as it is judged: engine, host, name."""
    if not isinstance(value, str):
        return value
    found = re.match(
        r"(?P<scheme>\w+)(\+\w+)?://(?:[^@/]*@)?(?P<host>[^:/?#]*)[^/]*/?(?P<name>[^?#]*)", value
    )
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in _ENGINES:
        return Unknown()
    name = found["name"] if scheme != "sqlite" else value.split(":///", 1)[-1]
    return {"ENGINE": f"django.db.backends.{_ENGINES[scheme]}", "HOST": found["host"], "NAME": name}


_ENGINES = {
    "mysql": "mysql",
    "pgsql": "postgresql",
    "postgis": "postgis",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "psql": "postgresql",
    "sqlite": "sqlite3",
}


def parse_file(text: str) -> dict[str, str]:
    """The assignments of a .env or settings.ini file."""
    found = {}
    for line in text.splitlines()[:2_000]:
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
        if match:
            value = match[2]
            quoted = re.match(r"(['\"])(.*?)\1", value)
            found[match[1]] = quoted[2] if quoted else re.sub(r"\s+#.*", "", value)
    return found

"""Calls that settings make, as far as their answer is known without running anything."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from . import settings_environment
from .settings_environment import Environment
from .settings_values import (
    ROOT,
    Bound,
    Dotted,
    Place,
    Reader,
    SignalError,
    Unknown,
    Unset,
    is_known,
    names_in,
    truth,
)

BUILTINS = frozenset(
    {"all", "any", "bool", "dict", "float", "int", "len", "list", "open", "set", "sorted", "str", "tuple"}
)
CONSTANTS: dict[str, Any] = {
    "os.name": "posix",
    "os.sep": "/",
    "os.pathsep": ":",
    "sys.platform": "linux",
    "sys.argv": ["manage.py", "migrate"],
}
#: Calls that go to the network; the machine may not reach what they ask.
NETWORK = (
    *(f"requests.{verb}" for verb in ("get", "post", "put", "head", "request")),
    *(
        "urllib.request.urlopen",
        "httpx.get",
        "httpx.post",
        "socket.gethostbyname",
        "socket.create_connection",
    ),
    *("hvac.Client", "google.cloud.secretmanager.SecretManagerServiceClient"),
)
_LOADERS = ("dotenv.load_dotenv", "environ.Env.read_env", "dotenv.read_dotenv", "environs.Env.read_env")
_TEXT = frozenset(
    {
        "split",
        "lower",
        "upper",
        "strip",
        "rstrip",
        "lstrip",
        "startswith",
        "endswith",
        "title",
        "removeprefix",
    }
)
_MOST = 100_000


def read(
    environment: Environment, reader: Reader, arguments: list[Any], keywords: Mapping[str, Any], place: Place
) -> Any:
    """A reader of the environment, or one of its methods, called."""
    if reader.method in ("read_env", "read_envfile"):
        load(environment, arguments, keywords, place)
        return None
    if reader.method in ("prefixed", "add_parser", "seal"):
        return Unknown()
    return environment.ask(reader, arguments, keywords, place)


def load(environment: Environment, arguments: list[Any], keywords: Mapping[str, Any], place: Place) -> None:
    given = (
        arguments[0]
        if arguments
        else keywords.get("dotenv_path", keywords.get("path", keywords.get("env_file")))
    )
    inside = path_of(given)
    if inside is None:
        environment.load(posixpath.dirname(place.path))
    else:
        environment.load(posixpath.dirname(inside) or ".", (posixpath.basename(inside),))


def path_of(value: Any) -> str | None:
    """A path in the tree, from the root of the repository; None for one that is elsewhere or unknown."""
    text = str(value) if isinstance(value, (str, PurePosixPath)) else ""
    if not text.startswith(f"{ROOT}/") and text != ROOT:
        return None
    return text[len(ROOT) :].strip("/") or "."


def named(
    environment: Environment, name: str, arguments: list[Any], keywords: dict[str, Any], place: Place
) -> Any:
    """A function or class of the standard library or of an installed package, called."""
    if name in ("os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault"):
        default = arguments[1] if len(arguments) > 1 else keywords.get("default")
        key = arguments[0] if arguments else keywords.get("key")
        if name.endswith("setdefault") and isinstance(key, str) and isinstance(default, str):
            environment.files.setdefault(key, default)
        return environment.optionally(key, default, place)
    if name in settings_environment.READERS:
        schema = {key: _default(value) for key, value in keywords.items()}
        return Reader(settings_environment.READERS[name], schema)
    if name == "decouple.config":
        environment.load(posixpath.dirname(place.path), ("settings.ini", ".env"))
        return environment.ask(Reader("decouple"), arguments, keywords, place)
    if name in _LOADERS:
        load(environment, arguments, keywords, place)
        return True
    return _library(environment, name, arguments, keywords, place)


def _library(
    environment: Environment, name: str, arguments: list[Any], keywords: dict[str, Any], place: Place
) -> Any:
    if name.startswith("dj_database_url."):
        return _database(environment, name, arguments, keywords, place)
    if name.startswith(("os.path.", "pathlib.")) or name == "os.getcwd":
        return _path(environment, name, arguments)
    if name.startswith("builtins."):
        return _builtin(environment, name[9:], arguments, keywords, place)
    return Unknown(names_in(arguments) | names_in(keywords))


def _default(value: Any) -> Any:
    """environ.Env(DEBUG=(bool, False)): the pair's second is the default; a cast alone gives none."""
    if isinstance(value, tuple) and len(value) == 2:
        return value[1]
    return Dotted("environ.Env.NOTSET")


def _database(
    environment: Environment, name: str, arguments: list[Any], keywords: dict[str, Any], place: Place
) -> Any:
    if name.endswith(".parse") and arguments:
        if isinstance(arguments[0], Unset):
            environment.require(arguments[0].names, place)
        is_plain = is_known(arguments[0])
        return settings_environment.database(arguments[0]) if is_plain else Unknown(names_in(arguments))
    if name.endswith(".config"):
        variable = keywords.get("env", "DATABASE_URL")
        default = keywords.get("default", arguments[0] if arguments else None)
        value = environment.optionally(variable, default, place)
        if isinstance(value, Unset):
            return value
        return settings_environment.database(value) if is_known(value) else value
    return Unknown(names_in(arguments))


def _path(environment: Environment, name: str, arguments: list[Any]) -> Any:
    if name == "os.getcwd":
        return Unknown()
    if not arguments or not all(isinstance(item, (str, PurePosixPath)) for item in arguments):
        return Unknown(names_in(arguments))
    texts = [str(item)[:1_000] for item in arguments]
    if name in ("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath"):
        return PurePosixPath(*texts)
    plain: dict[str, Callable[..., str]] = {
        "os.path.join": posixpath.join,
        "os.path.dirname": posixpath.dirname,
        "os.path.basename": posixpath.basename,
        "os.path.normpath": posixpath.normpath,
        "os.path.abspath": posixpath.normpath,
        "os.path.realpath": posixpath.normpath,
    }
    if name in plain:
        return plain[name](*texts[: None if name.endswith("join") else 1])
    if name in ("os.path.exists", "os.path.isfile", "os.path.isdir"):
        inside = path_of(texts[0])
        return Unknown() if inside is None else environment.tree.exists(inside)
    return Unknown()


def _builtin(
    environment: Environment, name: str, arguments: list[Any], keywords: dict[str, Any], place: Place
) -> Any:
    value: Any = arguments[0] if arguments else None
    if isinstance(value, Unset) and name in ("int", "float", "list", "len", "open", "set", "sorted", "tuple"):
        environment.require(value.names, place)
    if name == "open":
        return _open(environment, value, arguments, keywords)
    if name == "dict":
        return dict(keywords) if not arguments else dict(value) if isinstance(value, dict) else Unknown()
    if name in ("all", "any") and isinstance(value, (list, tuple)):
        return _quantify(name, value)
    return _cast(name, "None" if isinstance(value, Unset) and name == "str" else value)


def _quantify(name: str, items: list[Any] | tuple[Any, ...]) -> Any:
    held = [truth(item) for item in items]
    decisive = name == "any"
    if decisive in held:
        return decisive
    return Unknown(names_in(items)) if None in held else not decisive


def _cast(name: str, value: Any) -> Any:
    if not is_known(value):
        return Unknown(names_in(value))
    casts: dict[str, Callable[[Any], Any]] = {
        "bool": bool,
        "str": str,
        "list": list,
        "tuple": tuple,
        "len": len,
    }
    try:
        if name == "int":
            return int(value) if isinstance(value, (int, float)) or len(value) < 30 else Unknown()
        return casts[name](value) if name in casts else Unknown()
    except (TypeError, ValueError, OverflowError):
        return Unknown()


def _open(environment: Environment, value: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    mode = arguments[1] if len(arguments) > 1 else keywords.get("mode", "r")
    text = str(value) if isinstance(value, (str, PurePosixPath)) else ""
    if not text or not isinstance(mode, str) or set(mode) & set("wax+"):
        return Unknown()
    if re.fullmatch(r"\w[\w./-]*", text):
        text = posixpath.normpath(posixpath.join(ROOT, environment.base, text))
    inside = path_of(text)
    gone = not environment.tree.exists(inside) if inside is not None else text.startswith(("/etc/", "/home/"))
    if gone:
        raise SignalError("FileNotFoundError", frozenset({inside or text}))
    return Unknown()


def method(environment: Environment, bound: Bound, arguments: list[Any]) -> Any:
    """A method of a known text, list, dict or path."""
    value, name = bound.value, bound.method
    if isinstance(value, list):
        return _change_list(value, name, arguments)
    if isinstance(value, PurePosixPath):
        return _path_method(environment, value, name, arguments)
    if isinstance(value, dict):
        return _dict_method(value, name, arguments)
    if isinstance(value, str) and name in _TEXT and is_known(arguments):
        try:
            return getattr(value[:_MOST], name)(*arguments)
        except (TypeError, ValueError):
            return Unknown()
    return Unknown(names_in(value) | names_in(arguments))


def _change_list(value: list[Any], name: str, arguments: list[Any]) -> Any:
    if len(value) > 5_000:
        return Unknown()
    if name == "append" and arguments:
        value.append(arguments[0])
    elif name in ("extend", "insert") and arguments:
        last = arguments[-1]
        value.extend(last if isinstance(last, (list, tuple)) and name == "extend" else arguments[1:2])
    elif name == "remove" and arguments and arguments[0] in value:
        value.remove(arguments[0])
    elif name == "copy":
        return list(value)
    return None


def _dict_method(value: dict[Any, Any], name: str, arguments: list[Any]) -> Any:
    key = arguments[0] if arguments else None
    if name == "update" and isinstance(key, dict):
        value.update(key)
        return None
    if name == "update" and isinstance(key, Unknown) and not isinstance(key, Unset):
        value.update({item: Unknown(key.names) for item in value})
        return None
    if name in ("get", "pop", "setdefault") and isinstance(key, (str, int)):
        return value.get(key, arguments[1] if len(arguments) > 1 else None)
    return dict(value) if name == "copy" else Unknown(names_in(value))


def _path_method(environment: Environment, value: PurePosixPath, name: str, arguments: list[Any]) -> Any:
    if name in ("resolve", "absolute", "expanduser"):
        return PurePosixPath(posixpath.normpath(str(value)))
    if name in ("joinpath", "with_name") and all(isinstance(item, str) for item in arguments):
        return value.joinpath(*arguments) if name == "joinpath" else value.parent / (arguments or [""])[0]
    inside = path_of(value)
    if name in ("exists", "is_file", "is_dir") and inside is not None:
        return environment.tree.exists(inside)
    if name == "as_posix":
        return str(value)
    if (
        name in ("read_text", "open", "read_bytes")
        and inside is not None
        and not environment.tree.exists(inside)
    ):
        raise SignalError("FileNotFoundError", frozenset({inside}))
    return Unknown()

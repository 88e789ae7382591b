"""What there is to say of settings that have been read."""

import posixpath
import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name

from . import distributions
from .catalogue import finding
from .findings import Finding
from .settings_calls import path_of
from .settings_execution import Record
from .settings_values import Place, Unset
from .tree import Tree

#: Words by which Python 3.12's and later grammar shows; the portal's own Python may be older.
_NEW_GRAMMAR = re.compile(r"f-string|unterminated string|unmatched|type |expected ':'|except")


def of_record(record: Record) -> Iterator[Finding]:
    for path, (message, line) in record.broken.items():
        level = "warning" if _NEW_GRAMMAR.search(message) else "error"
        text = f"Python cannot read {path}: {message}."
        yield finding("settings-syntax", text, level=level, path=path, line=line)
    for name, place in record.absent_modules.items():
        text = f"{place.path} imports {name}, which is not in the repository."
        yield finding("settings-import-missing", text, path=place.path, line=place.line)
    for name, place in record.absent_files.items():
        text = f"{place.path} opens {name}, which is not in the repository."
        yield finding("settings-file-missing", text, path=place.path, line=place.line)
    for name, place in record.network:
        text = f"{place.path} calls {name} while it is imported."
        yield finding("settings-network", text, path=place.path, line=place.line)


def of_values(values: dict[str, Any], record: Record, *, tree: Tree, path: str) -> Iterator[Finding]:
    """Nothing where a part of the settings could not be read: what is missing may stand there."""
    if record.broken or record.absent_modules:
        return
    for code, setting, message in (*_of_switches(values), *_of_files(values, tree)):
        place = record.assigned.get(setting, Place(path=path, line=0))
        yield finding(code, message, path=place.path, line=place.line)
    if "configurations" in record.imports:
        place = record.imports["configurations"]
        text = "The settings are a class of django-configurations."
        yield finding("settings-class", text, path=place.path, line=place.line)


def _of_switches(values: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Code, setting, message."""
    key, hosts = values.get("SECRET_KEY"), values.get("ALLOWED_HOSTS", [])
    if isinstance(key, str) and key:
        yield "secret-key-in-code", "SECRET_KEY", "SECRET_KEY stands in the code."
    elif key in (None, "") or isinstance(key, Unset):
        yield "secret-key-empty", "SECRET_KEY", "SECRET_KEY is empty or missing."
    if values.get("DEBUG") is True:
        yield "debug-on", "DEBUG", "DEBUG is True."
    if isinstance(hosts, (list, tuple)) and "*" not in hosts:
        yield "allowed-hosts", "ALLOWED_HOSTS", "ALLOWED_HOSTS does not name the machine."


def _of_files(values: dict[str, Any], tree: Tree) -> Iterator[tuple[str, str, str]]:
    if not values.get("STATIC_ROOT"):
        yield "static-root-missing", "STATIC_ROOT", "STATIC_ROOT is not set."
    for folder in _absent_folders(values.get("STATICFILES_DIRS"), tree):
        message = f"STATICFILES_DIRS names {folder}, which does not exist."
        yield "static-folder-missing", "STATICFILES_DIRS", message


def _absent_folders(value: Any, tree: Tree) -> Iterator[str]:
    for item in value if isinstance(value, (list, tuple)) else ():
        folder = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        inside = path_of(folder) if isinstance(folder, (str, PurePosixPath)) else None
        if inside is not None and not tree.exists(inside):
            yield inside


def of_packages(
    values: dict[str, Any], record: Record, *, tree: Tree, base: str, packages: Collection[str]
) -> Iterator[Finding]:
    """Packages that the settings use and no requirement brings."""
    used = dict(record.imports)
    place = record.assigned.get("INSTALLED_APPS", Place(path="", line=0))
    for setting in ("INSTALLED_APPS", "MIDDLEWARE"):
        listed = values.get(setting)
        for item in listed if isinstance(listed, (list, tuple)) else ():
            if isinstance(item, str) and re.fullmatch(r"[\w.]+", item):
                used.setdefault(item.split(".")[0], record.assigned.get(setting, place))
    for module, where in used.items():
        if module in ("django", "builtins") or _is_in_tree(tree, base, module):
            continue
        name = distributions.MODULES.get(module, canonicalize_name(module))
        if not is_listed(module, name, packages):
            yield _absent(module, name, _other_case(tree, base, module), where)


def _is_in_tree(tree: Tree, base: str, module: str) -> bool:
    """In the project's directory, or below a folder that the code may have put on the path."""
    folder = posixpath.normpath(posixpath.join(base, module))
    if module == base or tree.exists(folder) or tree.exists(f"{folder}.py"):
        return True
    ends = tuple(f"/{module}{end}" for end in ("/__init__.py", "/apps.py", "/models.py", ".py"))
    return any(f"/{path}".endswith(ends) and "site-packages" not in path for path in tree.all_files)


def _other_case(tree: Tree, base: str, module: str) -> str:
    """A directory or module that differs in upper and lower case alone."""
    names = [posixpath.basename(path) for path in (*tree.directories(base), *tree.files(base))]
    return next((name for name in names if name.lower() in (module.lower(), f"{module.lower()}.py")), "")


def _absent(module: str, name: str, other: str, where: Place) -> Finding:
    if other:
        message = f"{module} is used, and the repository has {other}: Linux tells upper and lower case apart."
        return finding("module-case", message, path=where.path, line=where.line)
    guess = (
        f"the package is most likely {name}"
        if module in distributions.MODULES
        else "nor is it in the repository"
    )
    message = f"{module} is used, and no requirement is known to bring it; {guess}."
    return finding("package-not-listed", message, path=where.path, line=where.line)


def is_listed(module: str, name: str, packages: Collection[str]) -> bool:
    """Whether some package may bring a module: by its known name, or by one that sounds like it."""
    if name in packages or f"{name}-binary" in packages:
        return True
    plain = _letters(module)
    sounds = [_letters(package) for package in packages]
    return any(plain in sound or sound in plain for sound in sounds if min(len(sound), len(plain)) > 3)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^(django|python)[_-]?|[_-]?django$", "", name.lower()))

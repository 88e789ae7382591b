"""The Procfile: what runs beside the site and before it is switched, and how the site is served."""

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from .catalogue import finding
from .findings import Finding
from .settings_choice import file_of
from .tree import Tree

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
#: Together with the rest they have to fit into a machine's user data.
PROCESSES, LONGEST, TOGETHER = 16, 1000, 6000
_ASGI = frozenset({"uvicorn", "daphne", "hypercorn"})
_SERVERS = _ASGI | {"gunicorn", "waitress-serve", "waitress", "uwsgi", "runserver"}
_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?::(\w+))?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Web:
    """What the ``web`` line says of the site: modules are empty where it names none of the project's."""

    is_known: bool
    interface: str = ""
    module: str = ""


@dataclass(frozen=True, kw_only=True)
class Procfile:
    """``path`` is empty where there is none; ``processes`` are pairs of name and line, without ``web``."""

    path: str = ""
    processes: tuple[tuple[str, str], ...] = ()
    release: str = ""
    web: Web | None = None
    findings: tuple[Finding, ...] = ()


def read(tree: Tree, *, directory: str) -> Procfile:
    """At the repository's root, or in the project directory."""
    for folder in dict.fromkeys([".", directory]):
        path = posixpath.normpath(posixpath.join(folder, "Procfile"))
        source = tree.text(path)
        if source is not None:
            return _read(tree, directory, path, source.text)
        if tree.is_file(path):
            message = "The Procfile is no text, and nothing of it is run."
            return Procfile(path=path, findings=(finding("procfile-line", message, path=path),))
    return Procfile()


def _read(tree: Tree, directory: str, path: str, text: str) -> Procfile:
    found: list[Finding] = []
    lines = dict(_lines(path, text, found))
    web, release = lines.pop("web", None), lines.pop("release", "")
    seen = _web(tree, directory, web) if web is not None else None
    if seen:
        found.append(_served(path, seen))
    if lines:
        message = f"{_list(list(lines))} of the Procfile run{'s' if len(lines) == 1 else ''} beside the site."
        found.append(finding("procfile-processes", message, path=path))
    return Procfile(
        path=path, processes=tuple(lines.items()), release=release, web=seen, findings=tuple(found)
    )


def _lines(path: str, text: str, found: list[Finding]) -> Iterator[tuple[str, str]]:
    """Pairs of name and command; what cannot be one is left out, and a finding says so."""
    seen: set[str] = set()
    length = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r\f\v")
        if not line or line.startswith("#"):
            continue
        name, _, command = line.partition(":")
        command = command.replace("\t", " ").strip()
        why = _refusal(name, command)
        if not why and name in seen:
            why = f"{name} is there twice; the first counts"
        if not why and (len(seen) == PROCESSES or length + len(command) > TOGETHER):
            why = f"a machine takes {PROCESSES} lines of {TOGETHER:,} characters together"
        if why:
            message = f"Line {number} of the Procfile is not run: {why}."
            found.append(finding("procfile-line", message, path=path, line=number))
            if len(found) == PROCESSES:
                return
            continue
        seen.add(name)
        length += len(command)
        yield name, command


def _refusal(name: str, command: str) -> str:
    if not NAME.fullmatch(name):
        return "it does not begin with a name of letters, digits, - and _, and a colon"
    if not command:
        return f"{name} says nothing after the colon"
    if not command.isprintable():
        return f"{name} holds a control character"
    if len(command) > LONGEST:
        return f"{name} has {len(command):,} characters, and at most {LONGEST:,} can be sent"
    return ""


def _web(tree: Tree, directory: str, line: str) -> Web:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    at = next((at for at, word in enumerate(words) if posixpath.basename(word) in _SERVERS), None)
    if at is None:
        return Web(is_known=False)
    server = posixpath.basename(words[at])
    is_asgi = server in _ASGI or any("uvicorn" in word for word in words[at:])
    for word in words[at + 1 :]:
        target = _TARGET.fullmatch(word)
        if target and target[2] in (None, "application"):
            module = _known(tree, directory, target[1])
            if module:
                return Web(is_known=True, interface="asgi" if is_asgi else "wsgi", module=module)
    return Web(is_known=True)


def _known(tree: Tree, directory: str, module: str) -> str:
    """The module as the project directory knows it; a line that runs at the root names that, too."""
    for name in (module, module.removeprefix(f"{directory}.")):
        if file_of(tree, directory, name):
            return name
    return ""


def _served(path: str, web: Web) -> Finding:
    if not web.is_known:
        message = (
            "The web line starts no server of Python's; the machine serves the project's application itself."
        )
        return finding("procfile-web", message, path=path, level="warning")
    of = f" with {web.module}" if web.module else ""
    message = f"The web line is not run: the machine serves the site by gunicorn of its own{of}."
    return finding("procfile-web", message, path=path)


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

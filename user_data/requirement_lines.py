"""What a project asks to have installed, from the files that people keep it in, as pip's lines."""

import codecs
import json
import os
import re
import tomllib
from collections.abc import Iterator
from typing import Any

#: Only for Windows, or only parts of Ubuntu and macOS that `pip freeze` listed beside the project's own.
FOREIGN = {
    "pywin32",
    "pypiwin32",
    "pywinpty",
    "wincertstore",
    "win-unicode-console",
    "windows-curses",
    "twisted-iocpsupport",
    "pkg-resources",
    "python-apt",
    "ubuntu-advantage-tools",
    "ubuntu-drivers-common",
    "command-not-found",
    "distro-info",
    "ufw",
    "language-selector",
    "unattended-upgrades",
    "apturl",
    "xkit",
    "cupshelpers",
    "systemd-python",
    "pyobjc-core",
    "tensorflow-intel",
    "wsgiref",
    "distribute",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes) -> str:
    """Text of a file whose encoding nobody declared; PowerShell's `>` writes UTF-16."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if content[1:2] == b"\0":
        return content.decode("utf-16-le", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def canonical(line: str) -> str:
    """The name that a line asks for, as PEP 503 spells it; empty for an option."""
    found = NAME.match(line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


class Reading:
    """Lines for an installer, and notes of what was left out or put differently."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.lines: list[str] = []
        self.constraints: list[str] = []
        self.notes: list[tuple[str, str, str]] = []
        self._seen: set[str] = set()

    def add(self, kind: str, path: str) -> None:
        full = os.path.normpath(os.path.join(self.root, path))
        name = os.path.basename(path)
        if full in self._seen or not os.path.isfile(full):
            return
        if not self._inside(full):
            self.notes.append((path, "left out", "It is not in the repository."))
            return
        self._seen.add(full)
        if name == "pyproject.toml":
            self._project(load_toml(full), full)
        elif name == "Pipfile":
            self._pipfile(load_toml(full), full)
        elif name not in ("poetry.lock", "uv.lock", "Pipfile.lock"):
            self._requirements(full)

    def keep(self, line: str) -> None:
        """A line, unless no machine of ours can have what it names."""
        if canonical(line) in FOREIGN:
            self.notes.append((line, "left out", "It exists on other systems only."))
            return
        self.lines.append(line)

    def _requirements(self, path: str) -> None:
        with open(path, "rb") as file:
            text = decode(file.read(2_000_000))
        for line in joined(text):
            option = re.match(r"(-r|--requirement|-c|--constraint)[\s=]*(.+)", line)
            if option:
                self.add("requirements", self._relative(path, option[2].strip()))
            elif line.startswith(("-e", "--editable", ".", "/")):
                self._local(path, re.sub(r"^(-e|--editable)[\s=]*", "", line))
            elif re.search(r"@\s*file:", line):
                name = line.split("@")[0].strip()
                self.notes.append((line, name, "The file that it names is on another machine."))
                self.keep(name)
            else:
                self.keep(line)

    def _local(self, path: str, target: str) -> None:
        if "://" in target or target.startswith("git+"):
            self.keep(target)
            return
        full = os.path.join(self.root, self._relative(path, target.split("[")[0]))
        if self._inside(full) and any(
            os.path.exists(os.path.join(full, name)) for name in ("setup.py", "pyproject.toml")
        ):
            self.lines.append(full)
        else:
            self.notes.append((target, "left out", "There is no such package in the repository."))

    def _inside(self, full: str) -> bool:
        return os.path.commonpath([os.path.realpath(full), self.root]) == self.root

    def _relative(self, path: str, target: str) -> str:
        return os.path.relpath(os.path.join(os.path.dirname(path), target), self.root)

    def _project(self, document: dict[str, Any], path: str) -> None:
        for line in document.get("project", {}).get("dependencies", []):
            self.keep(str(line))
        poetry = document.get("tool", {}).get("poetry", {})
        for name, wanted in poetry.get("dependencies", {}).items():
            if name.lower() != "python":
                self._table_entry(name, wanted, path)
        lock = os.path.join(os.path.dirname(path), "poetry.lock")
        if poetry and os.path.isfile(lock):
            packages = load_toml(lock).get("package", [])
            self.constraints += [f"{package['name']}=={package['version']}" for package in packages]

    def _pipfile(self, document: dict[str, Any], path: str) -> None:
        for name, wanted in document.get("packages", {}).items():
            self._table_entry(name, wanted, path)
        lock = f"{path}.lock"
        if os.path.isfile(lock):
            with open(lock, encoding="utf-8") as file:
                default = json.load(file).get("default", {})
            pinned = {name: entry.get("version") for name, entry in default.items()}
            self.constraints += [f"{name}{version}" for name, version in pinned.items() if version]

    def _table_entry(self, name: str, wanted: Any, path: str) -> None:
        """One dependency as poetry and pipenv write them."""
        if isinstance(wanted, list):
            for entry in wanted:
                self._table_entry(name, entry, path)
            return
        entry = wanted if isinstance(wanted, dict) else {"version": str(wanted)}
        if entry.get("optional"):
            return
        if "path" in entry:
            self._local(path, str(entry["path"]))
            return
        extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
        marker = f" ; {entry['markers']}" if entry.get("markers") else ""
        if "git" in entry:
            ref = entry.get("rev") or entry.get("tag") or entry.get("branch") or entry.get("ref")
            version = f" @ git+{entry['git']}" + (f"@{ref}" if ref else "")
        else:
            version = pep440(str(entry.get("version", "*")))
        self.keep(f"{name}{extras}{version}{marker}")


def joined(text: str) -> Iterator[str]:
    """Lines without comments and hashes, continued ones in one."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line).replace("\0", "").strip()
        bare = re.sub(r"\s+--hash[=\s]\S+", "", bare)
        if bare:
            yield bare


def load_toml(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        return tomllib.loads(decode(file.read()))


def pep440(constraint: str) -> str:
    """Poetry's ^, ~ and bare versions as PEP 440 specifiers."""
    parts = [part.strip() for part in constraint.split("||")[-1].split(",")]
    return ",".join(filter(None, map(_one, parts)))


def _one(part: str) -> str:
    if part in ("", "*"):
        return ""
    if part[0] not in "^~" or part.startswith("~="):
        part = part.replace(" ", "")
        return part if part[0] in "<>=!~" else f"=={part}"
    numbers = [int(number) for number in re.findall(r"\d+", part)[:3]]
    keep = min(2, len(numbers)) if part[0] == "~" else _first_nonzero(numbers)
    upper = [*numbers[: keep - 1], numbers[keep - 1] + 1]
    return f">={part[1:].strip()},<{'.'.join(map(str, upper))}"


def _first_nonzero(numbers: list[int]) -> int:
    return next((place for place, number in enumerate(numbers, 1) if number), len(numbers))

"""A checked-out repository as names and texts: nothing outside it is reached, and nothing of it is run."""

import codecs
import fnmatch
import functools
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: No source file that people write is larger; what is larger is not read.
TEXT_BYTES = 2 * 2**20
ENTRIES = 100_000
_DEPTH = 60
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, kw_only=True)
class SourceText:
    text: str
    encoding: str


@dataclass(frozen=True, kw_only=True)
class _Index:
    """Names from the root, with slashes, by kind; ``outside`` are links that lead out of the repository."""

    files: frozenset[str]
    directories: frozenset[str]
    outside: tuple[str, ...]


class Tree:
    """Paths are texts from the root, with slashes; ``.`` is the root itself."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    @functools.cached_property
    def _index(self) -> _Index:
        files: set[str] = set()
        directories = {"."}
        outside: list[str] = []
        for path, kind in self._walk(self.root, "", 0):
            if len(files) + len(directories) > ENTRIES:
                break
            if kind == "outside":
                outside.append(path)
            else:
                (files if kind == "file" else directories).add(path)
        return _Index(files=frozenset(files), directories=frozenset(directories), outside=tuple(outside))

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = prefix + entry.name
            if path == ".git" or not _is_text(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield path, "directory"
                if depth < _DEPTH:
                    yield from self._walk(Path(entry.path), f"{path}/", depth + 1)
            elif entry.is_symlink():
                yield path, self._kind_of_link(entry)
            elif entry.is_file(follow_symlinks=False):
                yield path, "file"

    def _kind_of_link(self, entry: os.DirEntry[str]) -> str:
        """Links to files count as files; a linked directory is not walked, since it may hold itself."""
        target = Path(os.path.realpath(entry.path))
        if not target.is_relative_to(self.root):
            return "outside"
        return "file" if target.is_file() else "directory"

    @property
    def links_outside(self) -> tuple[str, ...]:
        return self._index.outside

    def exists(self, path: str) -> bool:
        normal = posixpath.normpath(path)
        return normal in self._index.files or normal in self._index.directories

    def is_file(self, path: str) -> bool:
        return posixpath.normpath(path) in self._index.files

    def files(self, directory: str = ".") -> list[str]:
        """The paths of the files that lie in this directory itself, in order."""
        return self._children(self._index.files, directory)

    def directories(self, directory: str = ".") -> list[str]:
        return self._children(self._index.directories - {"."}, directory)

    def _children(self, paths: frozenset[str], directory: str) -> list[str]:
        parent = "" if directory in ("", ".") else posixpath.normpath(directory)
        return sorted(path for path in paths if posixpath.dirname(path) == parent)

    def glob(self, pattern: str) -> list[str]:
        """Files whose path matches; ``*`` matches slashes too, and so finds at any depth."""
        return sorted(path for path in self._index.files if fnmatch.fnmatchcase(path, pattern))

    @property
    def all_files(self) -> frozenset[str]:
        return self._index.files

    def text(self, path: str) -> SourceText | None:
        """A file's text, None where there is none: a missing, a huge, a binary or a foreign file."""
        normal = posixpath.normpath(path)
        if normal not in self._index.files:
            return None
        return self._text(normal)

    @functools.lru_cache(maxsize=512)  # noqa: B019 - a tree lives as long as its reading
    def _text(self, path: str) -> SourceText | None:
        content = self.content(path)
        return decode(content) if content is not None else None

    def content(self, path: str, *, limit: int = TEXT_BYTES) -> bytes | None:
        """A regular file's bytes; None where it has more than ``limit``."""
        target = Path(os.path.realpath(self.root / path))
        if not target.is_relative_to(self.root):
            return None
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
                return None
            return file.read(limit + 1)


def decode(content: bytes) -> SourceText | None:
    """By its mark, as UTF-8, as UTF-16 (every second byte a zero), as Latin-1; None for what is no text."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if not encoding and b"\0" in content:
        encoding = {True: "utf-16-le", False: "utf-16-be"}[content[1::2].count(0) > content[::2].count(0)]
        if content.count(0) < len(content) // 3:
            return None
    for name in (encoding or "utf-8", "latin-1"):
        try:
            return SourceText(text=content.decode(name).replace("\r\n", "\n"), encoding=name)
        except UnicodeDecodeError:
            continue
    return None


def _is_text(name: str) -> bool:
    """Whether a file's name can be shown and sent; a name of other bytes belongs to no project's source."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.isprintable()

"""What a repository carries, or fails to carry, as version control has it."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator

from .catalogue import finding
from .findings import Finding
from .layout import is_foreign
from .tree import Tree

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: a pointer has less than 1,024 bytes.
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024
# https://www.sqlite.org/fileformat.html
_SQLITE = b"SQLite format 3\0"
_MOST_FILES = 2000
_MOST_DATABASES = 10
_DATABASE_BYTES = 64 * 2**20


def read(tree: Tree, *, directory: str) -> Iterator[Finding]:
    yield from _pointers(tree)
    yield from _submodules(tree)
    yield from _environments(tree)
    yield from _databases(tree)
    yield from _same_names(tree)
    yield from _migrations(tree, directory)
    if tree.links_outside:
        names = ", ".join(tree.links_outside[:5])
        yield finding(
            "link-outside", f"{names}: a link that leads out of the repository.", path=tree.links_outside[0]
        )


def _pointers(tree: Tree) -> Iterator[Finding]:
    attributes = [path for path in tree.all_files if posixpath.basename(path) == ".gitattributes"]
    if not any("filter=lfs" in source.text for path in attributes if (source := tree.text(path))):
        return
    files = sorted(tree.all_files)[:_MOST_FILES]
    found = [path for path in files if _begins(tree, path, _POINTER, limit=_POINTER_BYTES)]
    if found:
        names = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        message = f"{names}: a pointer of Git LFS stands there instead of the file."
        yield finding("lfs-pointer", message, path=found[0])


def _begins(tree: Tree, path: str, mark: bytes, *, limit: int) -> bool:
    content = tree.content(path, limit=limit)
    return content is not None and content.startswith(mark)


def _submodules(tree: Tree) -> Iterator[Finding]:
    source = tree.text(".gitmodules")
    paths = re.findall(r"^\s*path\s*=\s*(.+?)\s*$", source.text, re.MULTILINE) if source else []
    if paths:
        message = f"{', '.join(paths[:5])[:300]}: a submodule, which is not fetched."
        yield finding("submodule", message, path=".gitmodules")


def _environments(tree: Tree) -> Iterator[Finding]:
    for path in tree.glob("*pyvenv.cfg"):
        folder = posixpath.dirname(path) or "."
        if posixpath.basename(path) == "pyvenv.cfg":
            yield finding("virtual-environment", f"{folder} is a virtual environment.", path=path)


def _databases(tree: Tree) -> Iterator[Finding]:
    files = [path for path in sorted(tree.all_files) if re.search(r"\.(sqlite3?|db3?)$", path)]
    files = [path for path in files if not is_foreign(path)][:_MOST_DATABASES]
    found = [path for path in files if _begins(tree, path, _SQLITE, limit=_DATABASE_BYTES)]
    if found:
        yield finding("sqlite-committed", f"{', '.join(found[:5])}: an SQLite database.", path=found[0])


def _same_names(tree: Tree) -> Iterator[Finding]:
    spelled: dict[str, list[str]] = defaultdict(list)
    for path in sorted(tree.all_files):
        spelled[path.lower()].append(path)
    for paths in spelled.values():
        if len(paths) > 1:
            yield finding(
                "names-differ-in-case", f"{' and '.join(paths[:3])} differ in case alone.", path=paths[0]
            )


def _migrations(tree: Tree, directory: str) -> Iterator[Finding]:
    """Apps with tables and without migrations: ``migrate`` makes no table for them."""
    ignored = _ignores_migrations(tree, directory)
    prefix = "" if directory == "." else f"{directory}/"
    for path in sorted(tree.all_files):
        if not path.startswith(prefix) or posixpath.basename(path) != "models.py" or is_foreign(path):
            continue
        app = posixpath.dirname(path)
        if not _has_tables(tree, path):
            continue
        if not any(re.match(r"\d{4}", posixpath.basename(file)) for file in tree.files(f"{app}/migrations")):
            why = f" ({ignored} leaves them out)" if ignored else ""
            yield finding("migrations-missing", f"{app} has models and no migrations{why}.", path=path)


def _has_tables(tree: Tree, path: str) -> bool:
    """Whether one of the file's models is not abstract."""
    source = tree.text(path)
    if source is None:
        return False
    classes = re.split(r"^(?=class )", source.text, flags=re.MULTILINE)
    models = [body for body in classes if re.match(r"class \w+\([^)]*\bModel\b", body)]
    without = re.compile(r"^\s+(abstract|proxy)\s*=\s*True|^\s+managed\s*=\s*False", re.MULTILINE)
    return any(not without.search(body) for body in models)


def _ignores_migrations(tree: Tree, directory: str) -> str:
    for path in (".gitignore", posixpath.normpath(posixpath.join(directory, ".gitignore"))):
        source = tree.text(path)
        if source and re.search(r"^[^#!\n]*migrations", source.text, re.MULTILINE):
            return path
    return ""

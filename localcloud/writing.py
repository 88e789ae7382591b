"""Write into a machine's disk from outside, whatever links the machine has left there."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def write(root: Path, path: str, content: bytes | str, *, mode: int = 0o644) -> None:
    """Put a file into a disk; links on the way are replaced, so that nothing outside `root` is touched."""
    *folders, name = PurePosixPath(path).parts[1:]
    with ExitStack() as opened:
        folder = _hold(opened, os.open(root, _FOLDER))
        for part in folders:
            folder = _hold(opened, _open_folder(folder, part))
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
        with os.fdopen(file, "wb") as stream:
            os.fchmod(file, mode)
            stream.write(content.encode() if isinstance(content, str) else content)


def read(root: Path, path: str) -> str:
    """The text of a plain file in a disk, or nothing where there is none; links are not followed."""
    *folders, name = PurePosixPath(path).parts[1:]
    with ExitStack() as opened, suppress(OSError):
        folder = _hold(opened, os.open(root, _FOLDER))
        for part in folders:
            folder = _hold(opened, os.open(part, _FOLDER, dir_fd=folder))
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(file, "rb") as stream:
            return stream.read(1_000_000).decode(errors="replace")
    return ""


def _hold(opened: ExitStack, file: int) -> int:
    opened.callback(os.close, file)
    return file


def _open_folder(folder: int, part: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError:
        os.unlink(part, dir_fd=folder)
    os.mkdir(part, 0o755, dir_fd=folder)
    return os.open(part, _FOLDER, dir_fd=folder)

"""Bare repositories over HTTP, to read only: git's own http-backend behind a WSGI application.

Run by gunicorn: ``gunicorn 'scripts.stack.git_server:application("/path/of/a/folder")'``. Any commit can be
asked for by its id, as on GitHub, whatever the repositories' own configuration says.
"""

import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

Environment = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]

_PATH = re.compile(r"/([A-Za-z0-9_][A-Za-z0-9._-]{0,99}?)(?:\.git)?/(info/refs|git-upload-pack)")
_REQUEST_BYTES = 8 * 1024 * 1024
_SECONDS = 120
_CHUNK = 64 * 1024
_CONFIGURATION = {
    "safe.directory": "*",
    "http.receivepack": "false",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


def application(*folders: str) -> Application:
    """Serves ``NAME`` and ``NAME.git`` of these folders; the first that has a name wins."""
    roots = [Path(folder).resolve() for folder in folders]

    def serve(environment: Environment, start_response: StartResponse) -> Iterable[bytes]:
        wanted = _PATH.fullmatch(environment["PATH_INFO"])
        repository = find(roots, wanted[1]) if wanted else None
        if wanted is None or repository is None or not _reads(environment, wanted[2]):
            return _refuse(start_response, "404 Not Found")
        body = _body(environment)
        if body is None:
            return _refuse(start_response, "413 Content Too Large")
        with body:
            return _answer(repository, wanted[2], environment, body, start_response)

    return serve


def find(roots: list[Path], name: str) -> Path | None:
    """The bare repository of a name, if it lies in one of the folders itself."""
    for root in roots:
        for path in (root / name, root / f"{name}.git"):
            if path.resolve().parent == root and is_bare(path):
                return path
    return None


def is_bare(path: Path) -> bool:
    """Whether a folder is what ``git clone --bare`` makes."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _reads(environment: Environment, action: str) -> bool:
    method, query = str(environment["REQUEST_METHOD"]), str(environment["QUERY_STRING"])
    if action == "git-upload-pack":
        return method == "POST"
    return method == "GET" and query == "service=git-upload-pack"


def _refuse(start_response: StartResponse, status: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain")])
    return [status.encode()]


def _body(environment: Environment) -> IO[bytes] | None:
    """The request's body in a file, for a program to read; None when it is too long."""
    content = environment["wsgi.input"].read(_REQUEST_BYTES + 1)
    if len(content) > _REQUEST_BYTES:
        return None
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    file.write(content)
    file.seek(0)
    return file


def _variables(repository: Path, action: str, request: Environment, length: int) -> dict[str, str]:
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "GIT_PROJECT_ROOT": str(repository.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": str(len(_CONFIGURATION)),
        "GIT_PROTOCOL": request.get("HTTP_GIT_PROTOCOL", ""),
        "HTTP_CONTENT_ENCODING": request.get("HTTP_CONTENT_ENCODING", ""),
        "REQUEST_METHOD": request["REQUEST_METHOD"],
        "PATH_INFO": f"/{repository.name}/{action}",
        "QUERY_STRING": request["QUERY_STRING"],
        "CONTENT_TYPE": request.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(length),
    }
    for number, (key, value) in enumerate(_CONFIGURATION.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _answer(
    repository: Path, action: str, request: Environment, body: IO[bytes], start_response: StartResponse
) -> Iterator[bytes]:
    length = body.seek(0, 2)
    body.seek(0)
    variables = _variables(repository, action, request, length)
    backend = subprocess.Popen(["git", "http-backend"], stdin=body, stdout=subprocess.PIPE, env=variables)
    deadline = threading.Timer(_SECONDS, backend.kill)
    deadline.start()
    assert backend.stdout is not None  # noqa: S101 - a pipe was asked for
    status, headers = _head(backend.stdout)
    start_response(status, headers)
    return _content(backend, deadline)


def _head(output: IO[bytes]) -> tuple[str, list[tuple[str, str]]]:
    status = "200 OK"
    headers: list[tuple[str, str]] = []
    for line in iter(output.readline, b""):
        name, _, value = line.decode("latin-1").strip().partition(": ")
        if not name:
            return status, headers
        if name == "Status":
            status = value
        else:
            headers.append((name, value))
    return "500 Internal Server Error", [("Content-Type", "text/plain")]


def _content(backend: subprocess.Popen[bytes], deadline: threading.Timer) -> Iterator[bytes]:
    """Ends the program too, when the other side has gone away."""
    with backend:
        try:
            assert backend.stdout is not None  # noqa: S101
            while chunk := backend.stdout.read(_CHUNK):
                yield chunk
        finally:
            deadline.cancel()
            backend.kill()

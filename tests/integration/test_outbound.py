"""Posting to real sockets: redirects, headers of two lines, drips, and answers without end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ecdeployer import outbound


def whole(connection: socket.socket) -> bytes:
    """A request with its body."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    length = int(request.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(request.partition(b"\r\n\r\n")[2]) < length:
        request += connection.recv(65536)
    return request


@contextmanager
def serving(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """An origin whose first visitor gets this answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    answer(connection, whole(connection))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def post(origin: str, path: str = "/hook?a=b") -> outbound.Answer:
    return outbound.post(origin + path, b"{}", {"Content-Type": "application/json"}, trusted=[origin])


def test_what_is_posted_arrives_and_what_is_said_comes_back() -> None:
    heard: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        heard.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\no\x1bk\r\n")

    with serving(answer) as origin:
        assert post(origin) == outbound.Answer(200, "o k")
    assert heard[0].startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert heard[0].count(b"Host: ") == 1
    assert b"\r\n\r\n{}" in heard[0]


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with serving(lambda connection, _: connection.sendall(head)) as origin:
        assert post(origin).status == 302


def test_one_that_is_not_allowed_is_not_asked() -> None:
    with pytest.raises(outbound.RefusedError):
        outbound.post("http://127.0.0.1:1/", b"", {})
    with pytest.raises(outbound.RefusedError, match="not public"):
        outbound.post("https://localhost/", b"", {})


def test_drips_and_answers_without_end_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "PATIENCE", 1.0)

    def drip(connection: socket.socket, _: bytes) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 10:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    begun = time.monotonic()
    with serving(drip) as origin, pytest.raises(outbound.UnansweredError):
        post(origin)
    assert time.monotonic() - begun < 4

    def flood(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _number in range(1000):
            connection.sendall(b"x" * 65536)

    with serving(flood) as origin:
        assert len(post(origin).text) == outbound.READ

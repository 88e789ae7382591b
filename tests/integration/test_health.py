"""Asking real sockets: nobody there, an answer, an answer without end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from ecdeployer.deployments import health


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose first visitor gets this answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def test_an_answer_is_judged() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with serving(lambda connection: connection.sendall(head)) as port:
        assert health.ask("127.0.0.1", "/", port=port).is_live


def test_nobody_there() -> None:
    found = health.ask("127.0.0.1", "/", port=1)
    assert found.code == "address-unreachable"
    assert "Connection refused" in found.reason


def test_no_http() -> None:
    with serving(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        assert health.ask("127.0.0.1", "/", port=port).code == "address-unreachable"


def test_a_site_that_drips_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 1.0)

    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 10:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    with serving(drip) as port:
        begun = time.monotonic()
        assert health.ask("127.0.0.1", "/", port=port).code == "address-unreachable"
        assert time.monotonic() - begun < 4

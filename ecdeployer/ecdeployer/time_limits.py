"""A limit on a whole exchange over HTTP: a timeout of the socket begins anew with every byte."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def closing_after(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Close the connection at the end, and hang up before it where somebody drips bytes to hold a worker."""
    limit = threading.Timer(seconds, _hang_up, [connection.sock])
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
        connection.close()


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

"""The one door to addresses that people name: public ones, over HTTPS, no redirects, and not for long."""

import http.client
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .git.addresses import is_public, resolve
from .time_limits import closing_after

#: Seconds for everything, and bytes of an answer.
PATIENCE = 8.0
READ = 2000


class RefusedError(Exception):
    """It is not asked: the text says why, for the person."""


class UnansweredError(Exception):
    """Nothing came back; the text says what happened."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def may_be_repeated(self) -> bool:
        """Whether the same may be answered otherwise later."""
        return self.status >= 500 or self.status in {408, 425, 429}


def check(url: str, *, trusted: Collection[str] = ()) -> SplitResult:
    """Whether it may be asked, as far as that can be told from its text. Raises RefusedError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError("This is no URL.") from error
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname:
        raise RefusedError(
            "This is no URL: it holds a blank or another character that no URL has, or no host."
        )
    if f"{parts.scheme}://{parts.netloc}" in trusted:
        return parts
    if parts.scheme != "https":
        raise RefusedError("Found no https:// at its beginning. Only addresses that encrypt are posted to.")
    if parts.username is not None or port not in (None, 443):
        raise RefusedError("Found a name or a port in it. Give an address such as https://hooks.slack.com/…")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str], *, trusted: Collection[str] = ()) -> Answer:
    """Raises RefusedError or UnansweredError. ``trusted``: origins that may be private and without TLS."""
    parts = check(url, trusted=trusted)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    is_trusted = f"{parts.scheme}://{parts.netloc}" in trusted
    addresses = _addresses(host, port, public=not is_trusted)
    try:
        connection = _connect(parts.scheme, host, port, addresses)
        return _exchange(connection, parts, body, headers)
    except (OSError, http.client.HTTPException) as error:
        raise UnansweredError(f"{host} does not answer: {error or type(error).__name__}.") from error


def _addresses(host: str, port: int, *, public: bool) -> list[str]:
    try:
        addresses = resolve(host, port=port)
    except (OSError, UnicodeError) as error:
        raise UnansweredError(f"{host} cannot be found.") from error
    inner = [each for each in addresses if not is_public(each)] if public else []
    if inner or not addresses:
        raise RefusedError(f"{host} leads to an address that is not public. Ask the portal's operator.")
    return addresses


def _connect(scheme: str, host: str, port: int, addresses: list[str]) -> http.client.HTTPConnection:
    """To the addresses that were checked, and not to later answers."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    error: OSError = OSError("no address")
    for address in addresses[:2]:
        try:
            plain = socket.create_connection((address, port), timeout=PATIENCE / 2)
        except OSError as failure:
            error = failure
            continue
        plain.settimeout(PATIENCE)
        secure = scheme == "https"
        context = ssl.create_default_context() if secure else None
        connection.sock = context.wrap_socket(plain, server_hostname=host) if context else plain
        return connection
    raise error


def _exchange(
    connection: http.client.HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing_after(connection, PATIENCE):
        connection.request(
            "POST",
            path,
            body,
            {"User-Agent": "ecdeployer", "Host": parts.netloc, "Connection": "close", **headers},
        )
        answer = connection.getresponse()
        text = answer.read(READ).decode("utf-8", "replace")
        return Answer(answer.status, "".join(each if each.isprintable() else " " for each in text).strip())

"""The door to addresses that people name; real sockets are asked in tests/integration/test_outbound.py."""

import socket
from typing import Any

import pytest

from ecdeployer import outbound


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "224.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (found, port)) for found in ("93.184.215.14", address)]

    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(outbound.RefusedError, match="not public"):
        outbound.post("https://hooks.example.com/x", b"", {})


def test_it_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere a moment later is not asked again."""
    asked: list[Any] = []

    def connect(address: tuple[str, int], **_: Any) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError("refused")

    found = [[(0, 0, 0, "", ("93.184.215.14", 443))], [(0, 0, 0, "", ("127.0.0.1", 443))]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.pop(0))
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(outbound.UnansweredError, match="does not answer"):
        outbound.post("https://hooks.example.com/x", b"", {})
    assert asked == [("93.184.215.14", 443)]


def test_a_name_that_there_is_not_may_be_there_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(outbound.UnansweredError):
        outbound.post("https://hooks.example.com/x", b"", {})


def test_an_operator_may_allow_an_origin_and_no_other() -> None:
    trusted = ["http://chat.internal:8065"]
    assert outbound.check("http://chat.internal:8065/hooks/x", trusted=trusted).port == 8065
    for url in (
        "http://chat.internal/hooks/x",
        "http://chat.internal:8065@evil.org/",
        "http://a@chat.internal:8065/",
    ):
        with pytest.raises(outbound.RefusedError):
            outbound.check(url, trusted=trusted)


@pytest.mark.parametrize(
    ("status", "good", "again"),
    [(200, True, False), (302, False, False), (429, False, True), (503, False, True)],
)
def test_what_an_answer_means(status: int, good: bool, again: bool) -> None:
    answer = outbound.Answer(status, "")
    assert (answer.is_good, answer.may_be_repeated) == (good, again)

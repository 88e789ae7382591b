import socket
from collections.abc import Sequence

import pytest
from ecdeployer.git import addresses
from ecdeployer.git.errors import GitError


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """Addresses that every name leads to, for the test to fill."""
    found: list[str] = []
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def answer(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return found


def test_git_is_held_to_the_addresses_that_were_checked(resolve: list[str]) -> None:
    resolve += ["140.82.121.4", "2606:50c0:8000::153"]
    assert addresses.pinned("github.com") == {
        "http.curloptResolve": "github.com:443:140.82.121.4,2606:50c0:8000::153"
    }


@pytest.mark.parametrize(
    "inner",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:169.254.169.254",
        "100.64.0.1",
        "ff02::1",
    ],
)
def test_one_address_inside_is_enough_to_refuse(resolve: list[str], inner: str) -> None:
    resolve += ["140.82.121.4", inner]
    with pytest.raises(GitError) as caught:
        addresses.pinned("github.com")
    assert caught.value.code == "repository-refused"
    assert not caught.value.retryable


def test_a_name_that_is_not_found_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, resolve: list[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(GitError) as caught:
        addresses.pinned("github.com")
    assert caught.value.retryable


def test_ssh_goes_to_an_address_that_was_checked(resolve: list[str]) -> None:
    resolve += ["140.82.121.4", "140.82.121.4", "2606:50c0:8000::153"]
    assert addresses.public_addresses("github.com", port=22)[0] == "140.82.121.4"
    resolve.append("10.1.2.3")
    with pytest.raises(GitError):
        addresses.public_addresses("github.com", port=22)

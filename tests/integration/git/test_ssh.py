"""Private repositories: git over SSH, against a real sshd, with a deploy key that the portal made."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ecdeployer.git import keys, process, ssh
from ecdeployer.git.repository import CloneLimits, GitError, Key, RepositoryURL, clone, head, parse_url

from tests.ssh_server import Server, running_server

from .served import git

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

PAIR = keys.make_pair(comment="site@portal.example.com")


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    """Holds ``ada/site`` with one commit."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet")
    (work / "manage.py").write_text("x = 1\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "The subject")
    git(tmp_path, "clone", "--quiet", "--bare", str(work), "served/ada/site")
    return tmp_path / "served"


@pytest.fixture
def server(tmp_path: Path, repositories: Path) -> Iterator[Server]:
    with running_server(tmp_path / "ssh", repositories) as running:
        running.admit(PAIR.public)
        yield running


def source_of(server: Server, name: str = "ada/site") -> RepositoryURL:
    return parse_url(f"ssh://git@{server.address}:{server.port}/{name}.git", allowed_hosts=[server.origin])


def key_for(server: Server, pair: keys.Pair = PAIR, known_hosts: str | None = None) -> Key:
    return Key(private=pair.private, known_hosts=server.known_hosts if known_hosts is None else known_hosts)


def failure(server: Server, tmp_path: Path, key: Key | None, name: str = "ada/site") -> GitError:
    began = time.monotonic()
    with pytest.raises(GitError) as caught:
        clone(source_of(server, name), branch="", destination=tmp_path / "tree", key=key)
    assert time.monotonic() - began < 20
    assert PAIR.private not in caught.value.log
    return caught.value


def test_the_right_key_opens_it(server: Server, tmp_path: Path) -> None:
    source, key = source_of(server), key_for(server)
    commit = clone(source, branch="", destination=tmp_path / "tree", key=key)
    assert (commit.subject, commit.branch) == ("The subject", "main")
    assert (tmp_path / "tree/manage.py").read_text() == "x = 1\n"
    assert head(source, branch="main", key=key) == commit.sha


def test_another_key_is_refused(server: Server, tmp_path: Path) -> None:
    error = failure(server, tmp_path, key_for(server, keys.make_pair(comment="x")))
    assert (error.code, error.retryable) == ("deploy-key-refused", False)


def test_no_key_is_asked_for_before_anything_is_asked(server: Server, tmp_path: Path) -> None:
    assert failure(server, tmp_path, None).code == "deploy-key-missing"


def test_another_host_key_than_the_pinned_one_ends_it(server: Server, tmp_path: Path) -> None:
    other = keys.public_half(keys.make_pair(comment="x").private)
    pinned = f"[{server.address}]:{server.port} {other}\n"
    error = failure(server, tmp_path, key_for(server, known_hosts=pinned))
    assert (error.code, error.retryable) == ("host-key-changed", False)


def test_a_host_without_a_pinned_key_ends_it(server: Server, tmp_path: Path) -> None:
    error = failure(server, tmp_path, key_for(server, known_hosts=""))
    assert error.code == "host-key-unknown"


def test_a_host_that_asks_for_a_password_is_told_none(repositories: Path, tmp_path: Path) -> None:
    with running_server(tmp_path / "asking", repositories, asks_for_password=True) as asking:
        error = failure(asking, tmp_path, key_for(asking))
    assert error.code == "deploy-key-refused"


def test_a_repository_that_the_key_does_not_open(server: Server, tmp_path: Path) -> None:
    assert failure(server, tmp_path, key_for(server), name="ada/other").code == "repository-not-opened"


def test_a_host_that_never_speaks_is_left_at_the_limit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin = f"ssh://127.0.0.1:{silent.getsockname()[1]}"
        source = parse_url(f"{origin}/ada/site", allowed_hosts=[origin])
        key = Key(private=PAIR.private, known_hosts="")
        with pytest.raises(GitError) as caught:
            clone(source, branch="", destination=tmp_path / "x", key=key, limits=CloneLimits(seconds=1))
    assert caught.value.code == "repository-too-slow"


def test_nobody_listening_may_be_tried_again(server: Server, tmp_path: Path) -> None:
    source = parse_url("ssh://127.0.0.1:1/ada/site", allowed_hosts=["ssh://127.0.0.1:1"])
    with pytest.raises(GitError) as caught:
        clone(source, branch="", destination=tmp_path / "tree", key=key_for(server))
    assert (caught.value.code, caught.value.retryable) == ("repository-unreachable", True)


def test_a_portal_without_ssh_says_so(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subprocess.run(["which", "git", "prlimit", "sh"], capture_output=True, text=True, check=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in found.stdout.split():
        (programs / Path(path).name).symlink_to(path)
    monkeypatch.setenv("PATH", str(programs))
    assert failure(server, tmp_path, key_for(server)).code == "ssh-missing"


def test_an_address_that_was_checked_is_gone_to_with_the_hosts_own_key(server: Server) -> None:
    """As for github.com: the name is for the host key alone."""
    kind_and_key = server.known_hosts.split(" ", 1)[1]
    key = Key(private=PAIR.private, known_hosts=f"git.example.com {kind_and_key}")
    with ssh.opened(key, host="git.example.com", address=server.address) as variables:
        listed = process.run(
            ["ls-remote", "--", f"ssh://git@git.example.com:{server.port}/ada/site", "HEAD"],
            seconds=20,
            file_bytes=2**20,
            protocol="ssh",
            variables=variables,
        )
    assert listed.code == 0, listed.log


def test_the_key_is_in_no_file_no_argument_and_no_variable(server: Server) -> None:
    with ssh.opened(key_for(server)) as variables:
        told = " ".join(variables.values())
        path = Path(told.split(" -i ")[1].split()[0])
        assert path.read_text() == PAIR.private
        assert "PRIVATE KEY" not in told
        assert not os.path.realpath(path).startswith("/tmp")
    assert not path.exists()

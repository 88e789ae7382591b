"""git itself, over HTTP, against a server of the tests' own."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from ecdeployer.git.errors import GitError
from ecdeployer.git.repository import CloneLimits, clone, head, parse_url

from .served import Publish, git

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_clone_is_the_newest_commit_without_git(publish: Publish, tmp_path: Path) -> None:
    source = publish({"mysite/manage.py": "x = 1\n"})
    commit = clone(source, branch="", destination=tmp_path / "tree")
    assert (commit.subject, commit.branch, len(commit.sha)) == ("The subject", "main", 40)
    assert (tmp_path / "tree/mysite/manage.py").read_text() == "x = 1\n"
    assert not (tmp_path / "tree/.git").exists()
    assert head(source, branch="main") == commit.sha == head(source, branch="")


def test_a_branch_and_a_tag_can_be_named(publish: Publish, folder: Path, tmp_path: Path) -> None:
    source = publish({"a": "main"})
    git(folder / "project", "branch", "feature/x")
    git(folder / "project", "tag", "v1.0")
    assert clone(source, branch="feature/x", destination=tmp_path / "1").branch == "feature/x"
    assert clone(source, branch="v1.0", destination=tmp_path / "2").branch == "v1.0"


@pytest.mark.parametrize("branch", ["nope", "main2"])
def test_a_branch_that_is_not_there_is_named(publish: Publish, tmp_path: Path, branch: str) -> None:
    with pytest.raises(GitError, match=branch) as caught:
        clone(publish({"a": "a"}), branch=branch, destination=tmp_path / "tree")
    assert caught.value.code == "branch-not-found"


def test_a_repository_that_is_not_there(server: str, tmp_path: Path) -> None:
    source = parse_url(f"{server}/nothing", allowed_hosts=[server])
    with pytest.raises(GitError) as caught:
        clone(source, branch="", destination=tmp_path / "tree")
    assert caught.value.code == "repository-not-found"


def test_a_server_that_is_not_there_may_be_tried_again(tmp_path: Path) -> None:
    source = parse_url("http://127.0.0.1:1/r", allowed_hosts=["http://127.0.0.1:1"])
    with pytest.raises(GitError) as caught:
        clone(source, branch="", destination=tmp_path / "tree")
    assert (caught.value.code, caught.value.retryable) == ("repository-unreachable", True)


def test_a_repository_without_a_commit(publish: Publish, tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        clone(publish({}, commit=False), branch="", destination=tmp_path / "tree")
    assert caught.value.code == "repository-empty"


def test_sizes_are_read_before_a_file_is_written(publish: Publish, tmp_path: Path) -> None:
    source = publish({"zeros": "0" * 5_000_000})
    with pytest.raises(GitError, match="5 MB") as caught:
        clone(source, branch="", destination=tmp_path / "tree", limits=CloneLimits(tree_bytes=1_000_000))
    assert caught.value.code == "repository-too-large"
    assert not (tmp_path / "tree/zeros").exists()


def test_a_pack_above_its_limit_is_given_up(publish: Publish, tmp_path: Path) -> None:
    source = publish({"noise": os.urandom(400_000).hex()})
    with pytest.raises(GitError) as caught:
        clone(source, branch="", destination=tmp_path / "tree", limits=CloneLimits(pack_bytes=100_000))
    assert caught.value.code == "repository-too-large"


def test_too_many_files_are_given_up(publish: Publish, tmp_path: Path) -> None:
    source = publish({f"f{number}": "" for number in range(30)})
    with pytest.raises(GitError) as caught:
        clone(source, branch="", destination=tmp_path / "tree", limits=CloneLimits(entries=20))
    assert caught.value.code == "repository-too-large"


def test_a_server_that_never_answers_is_left_at_the_limit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        prefix = f"http://127.0.0.1:{silent.getsockname()[1]}"
        source = parse_url(f"{prefix}/r", allowed_hosts=[prefix])
        with pytest.raises(GitError) as caught:
            clone(source, branch="", destination=tmp_path / "tree", limits=CloneLimits(seconds=1))
    assert caught.value.code == "repository-too-slow"


def test_hooks_filters_and_submodules_of_a_repository_do_nothing(publish: Publish, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    source = publish(
        {
            ".gitattributes": "* filter=evil\n",
            ".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = ext::sh -c "touch {canary}"\n',
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {canary}\n',
            "hooks/post-checkout": f"#!/bin/sh\ntouch {canary}\n",
        }
    )
    clone(source, branch="", destination=tmp_path / "tree")
    assert not canary.exists()


def test_a_redirect_is_not_followed(tmp_path: Path, server: str, publish: Publish) -> None:
    publish({"a": "a"})

    def redirect(environ: dict[str, str], start: Callable[..., object]) -> list[bytes]:
        target = f"{server}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        start("301 Moved Permanently", [("Location", target)])
        return []

    with make_server("127.0.0.1", 0, redirect, WSGIServer, _Quiet) as moved:
        thread = threading.Thread(target=moved.serve_forever, daemon=True)
        thread.start()
        prefix = f"http://127.0.0.1:{moved.server_port}"
        with pytest.raises(GitError) as caught:
            clone(
                parse_url(f"{prefix}/project", allowed_hosts=[prefix]),
                branch="",
                destination=tmp_path / "tree",
            )
        moved.shutdown()
        thread.join()
    assert caught.value.code == "repository-moved"

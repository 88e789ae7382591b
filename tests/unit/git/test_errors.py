import pytest
from ecdeployer.git.errors import translate

GONE, AWAY = "repository-not-found", "repository-unreachable"


@pytest.mark.parametrize(
    ("log", "code", "retryable"),
    [
        ("fatal: repository 'https://github.com/o/r/' not found", GONE, False),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", GONE, False),
        ("fatal: unable to access 'x': The requested URL returned error: 403", GONE, False),
        ("fatal: unable to access 'x': The requested URL returned error: 301", "repository-moved", False),
        ("fatal: unable to access 'x': The requested URL returned error: 503", AWAY, True),
        ("fatal: unable to access 'x': The requested URL returned error: 429", AWAY, True),
        ("fatal: unable to access 'x': Could not resolve host: github.com", AWAY, True),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", AWAY, True),
        ("fatal: Remote branch nope not found in upstream origin", "branch-not-found", False),
        ("error: index-pack died of signal 25", "repository-too-large", False),
        ("fatal: fetch-pack: invalid index-pack output", "repository-too-large", False),
        ("fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", AWAY, True),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key ...", "host-key-changed", False),
        ("No ED25519 host key is known for github.com and you have requested ...", "host-key-unknown", False),
        ("git@github.com: Permission denied (publickey).", "deploy-key-refused", False),
        ("error: cannot run ssh: No such file or directory", "ssh-missing", False),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", GONE, False),
        ("ssh: connect to host github.com port 22: Connection timed out", AWAY, True),
        ("Connection closed by 140.82.121.4 port 22", AWAY, True),
        ("fatal: something new", "git-failed", False),
        ("", "git-failed", False),
    ],
)  # fmt: skip
def test_what_git_wrote_becomes_a_code(log: str, code: str, retryable: bool) -> None:
    error = translate(log, url="https://github.com/o/r", host="github.com", branch="nope")
    assert (error.code, error.retryable, error.log) == (code, retryable, log)
    assert "github.com" in error.message


@pytest.mark.parametrize("code", ["repository-private", "repository-not-opened"])
def test_what_is_not_shown_has_the_code_of_how_it_was_asked_for(code: str) -> None:
    log = "fatal: could not read Username for 'https://x': terminal prompts disabled"
    error = translate(log, url="https://github.com/o/r", host="github.com", branch="", not_found=code)
    assert error.code == code
    assert "key" in error.message

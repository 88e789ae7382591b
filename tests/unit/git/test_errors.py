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
        ("fatal: something new", "git-failed", False),
        ("", "git-failed", False),
    ],
)  # fmt: skip
def test_what_git_wrote_becomes_a_code(log: str, code: str, retryable: bool) -> None:
    error = translate(log, url="https://github.com/o/r", host="github.com", branch="nope")
    assert (error.code, error.retryable, error.log) == (code, retryable, log)
    assert "github.com" in error.message

import pytest
from ecdeployer.deployments import health


@pytest.mark.parametrize(
    ("status", "path", "code"),
    [
        (200, "/", ""),
        (204, "/healthz/", ""),
        (302, "/", ""),
        (401, "/", ""),
        (403, "/", ""),
        (404, "/", ""),
        (405, "/", ""),
        (400, "/", "health-disallowed-host"),
        (404, "/healthz/", "health-not-found"),
        (429, "/", "health-status"),
        (500, "/", "health-server-error"),
        (502, "/healthz/", "health-server-error"),
    ],
)
def test_what_an_answer_means(status: int, path: str, code: str) -> None:
    found = health.judge(status, path)
    assert (found.code, found.is_live) == (code, not code)
    assert (str(status) in found.reason) == bool(code)

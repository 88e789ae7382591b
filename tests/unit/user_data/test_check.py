import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from user_data.check import NotLiveError, Site, check_live, judge, last_exception

LOG = """\
[2026-01-01] [7] [INFO] Booting worker
Traceback (most recent call last):
  File "/srv/ecdeployer/r/venv/lib/python3.11/site-packages/django/core/base.py", line 55, in inner
    response = get_response(request)
  File "/srv/ecdeployer/releases/000001/source/mysite/pages/views.py", line 3, in home
    return render(request, NAMES["x"])
KeyError: 'x'
"""


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 405])
def test_answers_of_a_live_site(status: int) -> None:
    judge(status, "/", body="", asked="/", log="")


@pytest.mark.parametrize(
    ("status", "body", "log", "code", "words"),
    [
        (500, "", LOG, "health-server-error", "KeyError: 'x' (mysite/pages/views.py, line 3)"),
        (502, "", "", "health-server-error", "GET / answers 502."),
        (
            400,
            "Invalid HTTP_HOST header. You may need to add to ALLOWED_HOSTS",
            "",
            "health-disallowed-host",
            "does not hold",
        ),
        (400, "", "", "health-disallowed-host", "middleware"),
        (
            400,
            "",
            LOG,
            "health-bad-request",
            "GET / answers 400: KeyError: 'x' (mysite/pages/views.py, line 3)",
        ),
        (410, "", "", "health-status", "410"),
    ],
)
def test_answers_of_a_site_that_is_not_live(status: int, body: str, log: str, code: str, words: str) -> None:
    with pytest.raises(NotLiveError, match=str(status)) as refusal:
        judge(status, "/", body=body, asked="/", log=log)
    assert refusal.value.code == code
    assert words in str(refusal.value)


def test_a_missing_page_is_live_at_the_root_alone() -> None:
    judge(404, "/", body="", asked="/", log="")
    with pytest.raises(NotLiveError, match="health path") as refusal:
        judge(404, "/health/", body="", asked="/health/", log="")
    assert refusal.value.code == "health-not-found"


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.", True),
        ("ModuleNotFoundError: No module named 'x'", True),
        ("StopIteration", True),
        ("environ.compat.ImproperlyConfigured: Set the X environment variable", True),
        ("nothing of the kind, and: more", False),
    ],
)
def test_the_last_line_of_a_traceback_is_the_exception(last: str, told: bool) -> None:
    log = f'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    f()\n{last}\n'
    assert last_exception(log) == (f"{last} (x.py, line 1)" if told else "")


def test_a_log_without_a_traceback_has_no_exception() -> None:
    assert last_exception("ValueError: in passing\n") == ""


@pytest.fixture
def site(socket_enabled: None) -> Iterator[tuple[Site, dict[str, tuple[int, dict[str, str]]]]]:
    """A site of given answers by path, and the table to give them in."""
    answers: dict[str, tuple[int, dict[str, str]]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path if "sign=1" not in (self.headers["Cookie"] or "") else f"{self.path}?signed"
            status, headers = answers.get(path, (404, {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Site(f"tcp:127.0.0.1:{server.server_port}", host="203.0.113.7"), answers
    server.shutdown()
    thread.join()
    server.server_close()


Table = tuple[Site, dict[str, tuple[int, dict[str, str]]]]


def test_redirects_within_the_site_are_followed_with_its_cookies(site: Table) -> None:
    asked, answers = site
    answers["/"] = (302, {"Location": "http://203.0.113.7/login/", "Set-Cookie": "sign=1; Path=/"})
    answers["/login/?signed"] = (200, {})
    assert asked.follow("/") == (200, "", "/login/")


def test_a_redirect_to_elsewhere_is_an_answer(site: Table) -> None:
    asked, answers = site
    answers["/"] = (301, {"Location": "https://www.example.com/"})
    assert asked.follow("/")[0] == 200


@pytest.mark.parametrize(
    ("location", "code"),
    [("/", "health-redirect-loop"), ("https://203.0.113.7/", "health-https-redirect")],
)
def test_redirects_that_never_end(site: Table, location: str, code: str) -> None:
    asked, answers = site
    answers["/"] = (302, {"Location": location})
    with pytest.raises(NotLiveError, match="redirects") as refusal:
        check_live(asked, "/")
    assert refusal.value.code == code


def test_no_answer_is_told_with_the_last_exception(tmp_path: Path, socket_enabled: None) -> None:
    log = tmp_path / "site.log"
    log.write_text(LOG)
    asked = Site(f"unix:{tmp_path}/nothing.sock", host="localhost", log=str(log))
    with pytest.raises(NotLiveError, match="KeyError") as refusal:
        check_live(asked, "/")
    assert refusal.value.code == "health-no-answer"

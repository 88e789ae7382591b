import shlex
from pathlib import Path

import pytest
from ecdeployer.cloud_init import nginx, quoting, supervisor

GOLDEN = Path(__file__).parents[2] / "golden" / "cloud_init"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nginx.conf", nginx.render("000012", check=nginx.check_token("token"))),
        ("supervisor.conf", supervisor.render("000012")),
    ],
)
def test_a_release_has_the_configuration_of_the_golden_file(name: str, text: str) -> None:
    assert text == (GOLDEN / name).read_text()


def test_what_runs_beside_a_site_has_programs_that_hold_no_word_of_its_lines() -> None:
    rendered = supervisor.render_processes("000012", ["worker", "-x_9"])
    assert rendered == (GOLDEN / "processes.conf").read_text()
    assert supervisor.render_processes("000012", []) == ""


@pytest.mark.parametrize(
    "name", ["", "a b", "x]\ncommand=id\n[program:y", "é", "a;b", "../x", "%(ENV_PATH)s"]
)
def test_supervisor_is_told_of_no_process_that_is_no_name(name: str) -> None:
    with pytest.raises(quoting.UnsafeTextError):
        supervisor.render_processes("000012", ["worker", name])


@pytest.mark.parametrize("release", ["", "$host", "a\nb", "a\0", "a\x7f"])
def test_nginx_is_told_of_no_release_that_it_cannot_quote(release: str) -> None:
    with pytest.raises(quoting.UnsafeTextError):
        quoting.nginx_word(release)


@pytest.mark.parametrize("release", ["", "1]\ncommand=id\n[program:x", "a b", "é", "a;b", "../x"])
def test_supervisor_is_told_of_no_release_that_is_no_name(release: str) -> None:
    with pytest.raises(quoting.UnsafeTextError):
        quoting.section_name(release)
    if release:
        with pytest.raises(quoting.UnsafeTextError):
            supervisor.render(release)


@pytest.mark.parametrize("text", ["", "a\nb", "a ;b", "a #b", "\x1b"])
def test_supervisor_is_given_no_word_that_it_cannot_quote(text: str) -> None:
    with pytest.raises(quoting.UnsafeTextError):
        quoting.supervisor_words("ls", text)


@pytest.mark.parametrize(
    "text", ["%(ENV_PATH)s", "100%", "it's", "$(id) `id`", "a;b", "é ü", "-rf", '"', "\\"]
)
def test_supervisor_splits_words_as_they_were_given(text: str) -> None:
    command = quoting.supervisor_words("echo", text)
    assert shlex.split(command % {}) == ["echo", text]

import pytest
from ecdeployer.preflight.requirement_lines import logical_lines, parse


def kinds(text: str) -> list[tuple[str, str]]:
    return [(line.kind, line.name) for line in parse(text, path="requirements.txt", python="3.11")]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("Django==4.2.1", "package", "django"),
        ("django_filter >=23 ; python_version > '3.8'", "package", "django-filter"),
        ("psycopg[binary]~=3.1  # driver", "package", "psycopg"),
        ("six @ file:///tmp/build/80754af9/six_1", "local", "six"),
        ("-e .", "local", ""),
        (r"C:\wheels\thing.whl", "local", ""),
        ("./vendor/thing", "local", ""),
        ("git+https://github.com/owner/django-thing.git@main", "remote", "django-thing"),
        ("-e git+ssh://git@github.com/owner/thing.git#egg=the_thing", "remote", "the-thing"),
        ("https://example.com/a/thing.zip", "remote", "thing"),
        ("thing @ https://example.com/a.zip", "remote", "thing"),
        ("-r base.txt", "include", ""),
        ("Django=4.2", "broken", ""),
        ("Django  4.2", "broken", ""),
        ("<<<<<<< HEAD", "broken", ""),
    ],
)
def test_a_line_is_known_by_its_kind(text: str, kind: str, name: str) -> None:
    assert kinds(text) == [(kind, name)]


@pytest.mark.parametrize(
    "text", ["", "# nothing", "--index-url https://pypi.org/simple", "-c constraints.txt", "\x00"]
)
def test_a_line_may_ask_for_nothing(text: str) -> None:
    assert kinds(text) == []


def test_a_line_that_is_continued_keeps_the_number_of_its_start() -> None:
    text = "a==1 \\\n  --hash=sha256:00 \\\n  --hash=sha256:11\nb==2\n"

    assert list(logical_lines(text)) == [(1, "a==1"), (4, "b==2")]


@pytest.mark.parametrize(
    ("marker", "applies"),
    [
        ("sys_platform == 'win32'", False),
        ("python_version < '3.8'", False),
        ("python_version >= '3.8' and platform_system == 'Linux'", True),
        ("extra == 'dev'", False),
    ],
)
def test_a_marker_is_asked_for_the_machine(marker: str, applies: bool) -> None:
    (line,) = parse(f"thing ; {marker}", path="requirements.txt", python="3.11")

    assert line.applies is applies


def test_a_huge_file_is_read_in_part() -> None:
    assert sum(1 for _ in parse("a\n" * 20_000, path="r.txt", python="3.11")) == 5_000

import pytest
from ecdeployer.preflight.names import check_project_name


@pytest.mark.parametrize("name", ["mysite", "shop2", "a" * 63, "my_site", "MySite", "config", "backend"])
def test_names_that_projects_have(name: str) -> None:
    check_project_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "a;touch /tmp/pwn", "a\n", "a\r\nb", "`id`", "$(id)", "../../etc/cron.d/x", ".", "a/b", "a\0b",
        "a\x1b[2J", "-rf", "__init__", "a.b", "A", "a-b", "a" * 64, "test", "os", "celery", "asgi", "manage",
        "nginx", "import", "none", "nul", "None", "\u00e9t\u00e9", "\u0430dmin", "1site", "a b", "mysite ",
    ],
)  # fmt: skip
def test_what_cannot_be_a_package_and_a_directory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        check_project_name(name)


def test_the_message_shows_what_was_typed_and_what_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"Found 'my-site'.*letters, digits and underscores"):
        check_project_name("my-site")

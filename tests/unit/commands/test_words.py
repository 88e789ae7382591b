import pytest
from ecdeployer.commands.words import LENGTH, WORDS, WordsError, read


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("migrate --plan", ["migrate", "--plan"]),
        ("python manage.py migrate", ["migrate"]),
        ("./manage.py check --deploy", ["check", "--deploy"]),
        ("shell -c 'print(1); print(2)'", ["shell", "-c", "print(1); print(2)"]),
        (
            "loaddata $(id) `id` ; id | id && id",
            ["loaddata", "$(id)", "`id`", ";", "id", "|", "id", "&&", "id"],
        ),
        ("createsuperuser --noinput --username ada", ["createsuperuser", "--noinput", "--username", "ada"]),
        ('greet "Zoë"', ["greet", "Zoë"]),
    ],
)
def test_a_line_becomes_words(line: str, words: list[str]) -> None:
    assert read(line) == words


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "Enter a command"),
        ("manage.py", "Enter a command"),
        ("greet 'open", "not closed"),
        ("migrate\nflush", "one line"),
        ("--version", "Begin with the command's name"),
        ("shell", "keyboard"),
        ("dbshell", "keyboard"),
        ("createsuperuser", "form for superusers"),
        ("runserver", "runs already"),
        ("a " * (WORDS + 1), f"{WORDS + 1} words"),
        ("a" * (LENGTH + 1), "characters"),
    ],
)
def test_what_cannot_be_run_is_said(line: str, told: str) -> None:
    with pytest.raises(WordsError, match=told):
        read(line)

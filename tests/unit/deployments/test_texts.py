import pytest
from ecdeployer.applications.models import Application
from ecdeployer.deployments import texts
from ecdeployer.deployments.models import Deployment
from hypothesis import given
from hypothesis import strategies as st


@given(st.text())
def test_cleaned_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = texts.clean(text)
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in cleaned)
    assert not any(0x7F <= ord(letter) <= 0x9F for letter in cleaned)
    assert texts.clean(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("\x1b[1;32mok\x1b[0m", "ok"),
        ("\x1b]0;title\x07ok", "ok"),
        ("admin\u202egnp.exe", "admingnp.exe"),
        ("tab\there", "tab\there"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_what_people_wrote_stays(text: str, cleaned: str) -> None:
    assert texts.clean(text) == cleaned


def test_values_and_their_lines_are_secrets_when_they_are_long_enough(application: Application) -> None:
    application.environment.create(name="KEY", value="-----BEGIN\nabcdefgh\nxyz")
    application.environment.create(name="DJANGO_SETTINGS_MODULE", value="mysite.settings")
    application.environment.create(name="MODE", value="production", secret=False)
    found = texts.secrets_of(application.pk, "the-token")
    assert {"hunter-two", "abcdefgh", "the-token"} <= set(found)
    assert not {"ab", "xyz", "mysite.settings", "production"} & set(found)
    assert texts.redact("password hunter-two, key abcdefgh!", found) == "password ******, key ******!"


def test_a_long_log_keeps_its_beginning_and_its_end(deployment: Deployment) -> None:
    step = deployment.steps.get(name="install")
    for number in range(60):
        texts.append(step.pk, f"[{number}]" + "x" * 20_000, offset=number)
    step.refresh_from_db()
    assert len(step.log) <= texts.LOG_LIMIT
    assert step.log.startswith("[0]x")
    assert "[59]x" in step.log
    assert step.log.count(texts.CUT) == 1
    assert step.log_offset == 59

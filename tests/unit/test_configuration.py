"""What an operator gives, and the one line that names what is wrong with it."""

import pytest
from ecdeployer.configuration import Configuration, load

SOUND = {"SECRET_KEY": "k" * 50, "PORTAL_URL": "https://portal.example.com/"}


@pytest.fixture(autouse=True)
def _sound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)


def loaded(monkeypatch: pytest.MonkeyPatch, **given: str) -> Configuration:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return load("/nowhere")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", "shorter than 50"),
        ("PORTAL_URL", "portal.example.com", "found 'portal.example.com'"),
        ("PORTAL_URL", "https://portal.example.com/deployer", "without a path"),
        ("INSTANCE_PORTAL_URL", "https://portal.example.com/?a=b", "without a path"),
        ("DATABASE_URL", "oracle://me:password@host/name", "found 'host/name'"),
        ("REDIS_URL", "", "found ''"),
        ("ALLOWED_HOSTS", "a.example.com,https://b.example.com", "found 'https://b.example.com'"),
        ("TRUSTED_PROXIES", "-1", "greater than or equal to 0"),
        ("AWS_REGION", "Ireland", "such as eu-west-1"),
        ("AWS_REGION", "eu-west-1\n", "such as eu-west-1"),
        ("AWS_ENDPOINT_URL", "127.0.0.1", "found '127.0.0.1'"),
        ("RESOURCE_PREFIX", "Mine!", "found 'Mine!'"),
        ("INSTANCE_TYPES", "t3.micro,large", "found 'large'"),
        ("AGENTS", "maybe", "required, skip"),
        ("STATIC_BUCKET", "s3://mine", "a bucket's name"),
        ("CLOUDWATCH_NAMESPACE", "AWS/EC2", "do not begin with AWS/"),
        ("CLOUDWATCH_NAMESPACE", "two words", "found 'two words'"),
        ("CLOUDWATCH_AGENT", "true", "without a CLOUDWATCH_NAMESPACE"),
        ("GITHUB_CLIENT_ID", "id", "GITHUB_CLIENT_SECRET"),
        ("GITHUB_CLIENT_SECRET", "secret", "GITHUB_CLIENT_ID"),
        ("GIT_HOSTS", "https://", "found 'https://'"),
        ("GIT_HOSTS", "ssh://git@git.example.com", "ssh://HOST:PORT"),
        ("GIT_KNOWN_HOSTS", "git.example.com", "as ssh-keyscan prints them"),
        ("GIT_KNOWN_HOSTS", "a ssh-ed25519 AAAA\nb", "found 'a ssh-ed25519 AAAA'"),
        ("GIT_KNOWN_HOSTS", "/nowhere/known_hosts", "cannot be read"),
        ("MACHINE_PYTHON", "three", "found 'three'"),
        ("EMAIL_URL", "mail.example.com", "smtp+tls"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("SIGN_UP", "perhaps", "boolean"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    with pytest.raises(SystemExit) as end:
        loaded(monkeypatch, **{name: value})
    line = str(end.value)
    assert line.startswith("ecdeployer: ")
    assert name in line
    assert words in line
    assert "\n" not in line
    assert "password" not in line
    assert "secret'" not in line


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    with pytest.raises(SystemExit, match="SECRET_KEY"):
        load("/nowhere")


def test_what_operators_give_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(
        monkeypatch,
        ALLOWED_HOSTS="portal,.example.com",
        AWS_REGION="us-gov-west-1",
        INSTANCE_TYPES="t4g.nano,u-6tb1.metal",
        GIT_HOSTS="github.com,http://10.213.0.1:9418,ssh://10.0.0.5:2222",
        EMAIL_URL="smtp+tls://me:secret@mail.example.com:587",
    )
    assert found.portal_url == "https://portal.example.com"
    assert found.instance_portal_url == "https://portal.example.com"
    assert found.instance_types == ["t4g.nano", "u-6tb1.metal"]
    assert found.git_hosts == ["github.com", "http://10.213.0.1:9418", "ssh://10.0.0.5:2222"]
    assert found.email_url.startswith("smtp+tls://")

"""Who is signed in where, and what becomes of the token."""

import json
import stat
from pathlib import Path

import pytest
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import ApiToken, User

from .conftest import PORTAL, Ecdeploy, Wire


def test_a_token_is_checked_and_kept_for_its_owner_alone(stranger: Ecdeploy, home: Path, secret: str) -> None:
    result = stranger("login", f"{PORTAL}/", typed=f"{secret}\n")
    kept = home / "config" / "ecdeploy" / "portals.json"
    assert result.exit_code == 0
    assert (result.stdout, secret in result.output) == ("", False)
    assert json.loads(kept.read_text()) == {"default": PORTAL, "tokens": {PORTAL: secret}}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [each.name for each in kept.parent.iterdir()] == ["portals.json"]


def test_a_token_that_is_not_good_is_not_kept(stranger: Ecdeploy, home: Path, ines: User) -> None:
    result = stranger("login", PORTAL, "--token-stdin", typed="ecd_wrong\n")
    assert result.exit_code == 3
    assert not (home / "config").exists()


@pytest.mark.parametrize("typed", ["\n", "a b\n", "ecd_ü\n", "ecd_\x1b\n"])
def test_what_is_no_token_is_sent_nowhere(stranger: Ecdeploy, wire: Wire, typed: str) -> None:
    assert stranger("login", PORTAL, "--token-stdin", typed=typed).exit_code == 2
    assert wire.sent == []


@pytest.mark.parametrize(
    "address",
    [
        "http://portal.example.com",
        "ftp://portal.example.com",
        "https://",
        "https://a:b@c",
        "http://[",
        "https://a:99999",
    ],
)
def test_a_token_goes_to_no_address_where_others_read_it(
    stranger: Ecdeploy, wire: Wire, secret: str, address: str
) -> None:
    result = stranger("login", address, "--token-stdin", typed=f"{secret}\n")
    assert (result.exit_code, wire.sent) == (2, [])


def test_nobody_is_signed_in_at_first(stranger: Ecdeploy) -> None:
    result = stranger("apps")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "ecdeploy login" in result.stderr


def test_a_token_of_the_environment_goes_before_what_is_kept(
    ecdeploy: Ecdeploy, secret: str, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    monkeypatch.setenv("ECDEPLOY_TOKEN", "ecd_other")
    assert ecdeploy("apps").exit_code == 3
    assert wire.sent[-1].headers["Authorization"] == "Bearer ecd_other"
    count = len(wire.sent)
    assert "Everybody" in ecdeploy("apps", "--portal", "http://other.example.com").stderr
    assert len(wire.sent) == count


def test_a_revoked_token_says_to_sign_in_again(ecdeploy: Ecdeploy) -> None:
    tokens.revoke(ApiToken.objects.get())
    result = ecdeploy("apps")
    assert result.exit_code == 3
    assert f"ecdeploy login {PORTAL}" in result.stderr


def test_tokens_that_others_can_read_are_not_used(ecdeploy: Ecdeploy, home: Path) -> None:
    kept = home / "config" / "ecdeploy" / "portals.json"
    kept.chmod(0o640)
    result = ecdeploy("apps")
    assert result.exit_code == 2
    assert "chmod 600" in result.stderr
    kept.chmod(0o600)
    kept.write_text("[]")
    assert ecdeploy("apps").exit_code == 2


def test_signing_out_forgets_the_token(ecdeploy: Ecdeploy, home: Path, secret: str) -> None:
    assert ecdeploy("logout").exit_code == 0
    assert secret not in (home / "config" / "ecdeploy" / "portals.json").read_text()
    assert ecdeploy("apps").exit_code == 3
    assert ecdeploy("logout").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_the_shells_own(
    stranger: Ecdeploy, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)
    assert "_ECDEPLOY_COMPLETE" in stranger("completion", shell).stdout

from pathlib import Path

import pytest
from ecdeployer.git import host_keys, keys

#: Published at the addresses that host_keys names.
FINGERPRINTS = {
    "github.com": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
    "gitlab.com": "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
    "bitbucket.org": "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
}
OWN = f"[10.0.0.5]:2222 {keys.make_pair(comment='git server').public}"


def test_the_keys_are_those_that_the_hosts_publish() -> None:
    lines = [line.split(" ", 1) for line in host_keys.PUBLISHED.splitlines()]
    assert {host: keys.fingerprint(key) for host, key in lines} == FINGERPRINTS


def test_an_operators_lines_come_on_top() -> None:
    given = f"# ours\n\n{OWN}\n@revoked * {OWN.split(' ', 1)[1]}\n"
    found = host_keys.with_published(given)
    assert found.startswith(host_keys.PUBLISHED)
    assert found.splitlines()[3] == OWN
    assert len(found.splitlines()) == 5


def test_they_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(OWN)
    assert OWN in host_keys.with_published(str(tmp_path / "hosts"))


@pytest.mark.parametrize(
    "given",
    [
        "git.example.com",
        "git.example.com ssh-ed25519",
        "git.example.com ssh-ed25519 AAAA",
        pytest.param("git.example.com ssh-rsa " + OWN.split()[2], id="a key of another kind"),
        "git.example.com ssh-dss AAAAB3NzaC1kc3M=",
        pytest.param("@other git.example.com " + OWN.split(" ", 1)[1], id="a marker"),
        "/nowhere/known_hosts",
        pytest.param("\n".join([OWN] * 60), id="too many"),
    ],
)
def test_what_ssh_could_not_use_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"found '|cannot be read|more than 4,000"):
        host_keys.with_published(given)

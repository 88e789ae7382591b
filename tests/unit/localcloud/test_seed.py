import json
from pathlib import Path

from localcloud import seed
from localcloud.seed import Seed

CONTENT = Seed(
    instance_id="i-1",
    hostname="ip-10-0-0-10",
    user_data=b"\x1f\x8b\x00binary",
    environment={"AWS_ENDPOINT_URL": "http://10.0.0.1:4566", "no_proxy": "a,b"},
    public_keys=("ssh-ed25519 AAAA me",),
)


def test_everything_a_machine_needs_is_on_its_disk(tmp_path: Path) -> None:
    seed.plant(tmp_path, CONTENT)

    cloud = tmp_path / "var/lib/cloud/seed/nocloud"
    assert json.loads((cloud / "meta-data").read_text()) == {
        "instance-id": "i-1",
        "local-hostname": "ip-10-0-0-10",
        "public-keys": ["ssh-ed25519 AAAA me"],
    }
    assert (cloud / "user-data").read_bytes() == b"\x1f\x8b\x00binary"
    assert (cloud / "user-data").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/hostname").read_text() == "ip-10-0-0-10\n"
    assert "127.0.1.1 ip-10-0-0-10" in (tmp_path / "etc/hosts").read_text()
    assert "nameserver" in (tmp_path / "etc/resolv.conf").read_text()
    assert (
        tmp_path / "etc/environment"
    ).read_text() == "AWS_ENDPOINT_URL=http://10.0.0.1:4566\nno_proxy=a,b\n"


def test_a_machine_s_own_environment_stays_and_ours_is_renewed() -> None:
    before = 'LANG=C\nAWS_ENDPOINT_URL=http://old\n# note\nNAME="a b"\n'
    assert seed.merged(before, {"AWS_ENDPOINT_URL": "http://new"}) == (
        'LANG=C\n# note\nNAME="a b"\nAWS_ENDPOINT_URL=http://new\n'
    )


def test_services_get_variables_whatever_is_in_them() -> None:
    assert seed.manager_environment({"B": "100% sure", "A": "1"}) == (
        '[Manager]\nDefaultEnvironment="A=1" "B=100%% sure"\n'
    )


def test_a_resolver_on_the_host_s_loopback_is_passed_over() -> None:
    stub = "nameserver 127.0.0.53\noptions edns0\n"
    real = "nameserver 192.0.2.1\nnameserver 127.0.0.1\nsearch example\n"

    assert seed.resolver([stub, real]) == "nameserver 192.0.2.1\nsearch example\n"
    assert seed.resolver([stub]) == "nameserver 9.9.9.9\n"

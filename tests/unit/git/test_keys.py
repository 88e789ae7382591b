import subprocess
from pathlib import Path

import pytest
from ecdeployer.git import keys


def test_ssh_reads_the_pair_as_it_is(tmp_path: Path) -> None:
    pair = keys.make_pair(comment="shop@portal.example.com")
    private, public = tmp_path / "key", tmp_path / "key.pub"
    private.write_text(pair.private)
    private.chmod(0o600)
    public.write_text(pair.public)

    def keygen(*arguments: object) -> str:
        command = ["ssh-keygen", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert keygen("-y", "-f", private).split()[:2] == pair.public.split()[:2]
    assert keygen("-l", "-f", public).split()[1] == keys.fingerprint(pair.public)
    assert pair.public.endswith(" shop@portal.example.com")
    assert keys.public_half(pair.private) == pair.public.rsplit(" ", 1)[0]


def test_each_is_another_and_shows_nothing_of_its_private_half() -> None:
    one, other = (keys.make_pair(comment="x") for _ in range(2))
    assert one.public != other.public
    assert "PRIVATE" not in repr(one)


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are cryptography's
        keys.public_half("nothing of the kind")

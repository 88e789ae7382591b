import subprocess
from pathlib import Path

import pytest

from user_data import seal

CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "content").write_bytes(CONTENT)
    made = tmp_path / "sealed"
    size = seal.seal(["cat", str(tmp_path / "content")], str(made), secret="s", purpose="files")
    assert size == made.stat().st_size
    return made


def opened(path: Path, **changes: str) -> bytes:
    given = {"secret": "s", "purpose": "files"} | changes
    target = path.with_suffix(".out")
    seal.verify(str(path), **given)
    seal.unseal(str(path), ["sh", "-c", 'cat >"$1"', "sh", str(target)], **given)
    return target.read_bytes()


def test_what_was_sealed_comes_out_as_it_went_in(sealed: Path) -> None:
    assert CONTENT[:64] not in sealed.read_bytes()
    assert opened(sealed) == CONTENT


def test_the_same_content_is_never_sealed_to_the_same_bytes(tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("one", "two")]
    for path in made:
        seal.seal(["echo", "yes"], str(path), secret="s", purpose="files")
    assert made[0].read_bytes() != made[1].read_bytes()


@pytest.mark.parametrize("place", [0, 9, 20, 3_000_000, -40, -1])
def test_a_changed_byte_is_found(sealed: Path, place: int) -> None:
    content = bytearray(sealed.read_bytes())
    content[place] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(seal.SealError, match="not what the other machine sealed"):
        opened(sealed)


@pytest.mark.parametrize("kept", [0, 1, 31, 32, 33, 4_000_000])
def test_a_shortened_file_is_found(sealed: Path, kept: int) -> None:
    sealed.write_bytes(sealed.read_bytes()[:kept])
    with pytest.raises(seal.SealError):
        opened(sealed)


@pytest.mark.parametrize("changes", [{"secret": "another"}, {"purpose": "redis"}])
def test_it_is_good_for_one_secret_and_one_purpose(sealed: Path, changes: dict[str, str]) -> None:
    with pytest.raises(seal.SealError):
        opened(sealed, **changes)


def test_a_program_that_fails_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(seal.PartError, match="files could not be moved"):
        seal.seal(["sh", "-c", "echo half; exit 3"], str(tmp_path / "x"), secret="s", purpose="files")


def test_a_program_that_reads_only_the_beginning_fails_and_is_not_waited_for(sealed: Path) -> None:
    with pytest.raises(seal.PartError):
        seal.unseal(str(sealed), ["sh", "-c", "exit 4"], secret="s", purpose="files")


def test_two_machines_agree_and_a_third_does_not(tmp_path: Path) -> None:
    names = ("old", "new", "other")
    paths = {name: str(tmp_path / name) for name in names}
    halves = {name: seal.make_key(paths[name]) for name in names}
    assert seal.agree(paths["old"], halves["new"]) == seal.agree(paths["new"], halves["old"])
    assert seal.agree(paths["other"], halves["old"]) != seal.agree(paths["new"], halves["old"])
    assert Path(paths["old"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("half", ["", "AAAA", "not base64", "é", "A" * 60])
def test_what_is_no_key_is_refused(tmp_path: Path, half: str) -> None:
    seal.make_key(str(tmp_path / "key"))
    with pytest.raises(seal.SealError):
        seal.agree(str(tmp_path / "key"), half)


def test_no_argument_of_a_program_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    real = subprocess.Popen

    def noting(command: list[str], **how: object) -> "subprocess.Popen[bytes]":
        started.append(" ".join(command))
        return real(command, **how)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", noting)
    seal.seal(["echo", "yes"], str(tmp_path / "x"), secret="the-secret", purpose="files")
    words = ("the-secret", *(seal.derived("the-secret", f"{name} of files") for name in ("key", "tag")))
    assert len(started) == 2
    assert not [word for word in words for line in started if word in line]
